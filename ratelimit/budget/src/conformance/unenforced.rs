//! Charges that may not refuse (shadow mode): recorded like others, whatever stands there.

use tollgate_bundle::WindowKind;

use super::{Rig, expect_granted};
use crate::HoldRequest;

/// The charges of these indexes may not refuse.
fn unenforced(mut request: HoldRequest, indexes: &[usize]) -> HoldRequest {
    for index in indexes {
        request.charges[*index].enforce = false;
    }
    request
}

/// Held and settled above the limit, also above one of 0.
pub async fn unenforced_charge_recorded_beyond_the_limit(rig: &Rig<'_>) {
    let (alice, nobody) = (rig.account("alice", 10), rig.account("nobody", 0));
    let request = unenforced(rig.ask(1, &[(&alice, 25), (&nobody, 5)]), &[0, 1]);
    let receipt = rig.granted(&request).await;
    assert_eq!((receipt.entries[0].held, receipt.entries[1].held), (25, 5));
    assert_eq!(receipt.entries[0].state.remaining(), 0);
    assert_eq!(rig.standing(&alice).await, (0, 25));
    rig.settle(&receipt, &[20, 4]).await;
    assert_eq!(rig.standing(&alice).await, (20, 0));
    assert_eq!(rig.standing(&nobody).await, (4, 0));
    rig.denied(&rig.ask(2, &[(&alice, 1)])).await;
    rig.granted(&unenforced(rig.ask(3, &[(&alice, 1)]), &[0]))
        .await;
    assert_eq!(rig.standing(&alice).await, (20, 1));
}

/// The output is what fits on the others.
pub async fn unenforced_charge_never_lowers_the_output(rig: &Rig<'_>) {
    let (shadow, alice) = (rig.account("shadow", 10), rig.account("alice", 70));
    let alone = unenforced(rig.ask_output(1, &[(&shadow, 5)], (1_000, 16)), &[0]);
    assert_eq!(rig.granted(&alone).await.output_granted, 1_000);
    let both = rig.ask_output(2, &[(&shadow, 0), (&alice, 10)], (1_000, 16));
    let receipt = rig.granted(&unenforced(both, &[0])).await;
    assert_eq!(receipt.output_granted, 60);
    assert_eq!((receipt.entries[0].held, receipt.entries[1].held), (60, 70));
    assert_eq!(rig.standing(&shadow).await, (0, 1_065));
}

/// A denial names an account that refuses, though the other is in a worse state.
pub async fn unenforced_charge_leaves_the_denial_to_others(rig: &Rig<'_>) {
    let shadow = rig.account_per(WindowKind::Lifetime, "shadow", 0);
    let alice = rig.account("alice", 10);
    let request = unenforced(rig.ask(1, &[(&shadow, 11), (&alice, 11)]), &[0]);
    let denial = rig.denied(&request).await;
    assert_eq!((denial.tightest, denial.needed), (1, 11));
    assert_eq!(rig.standing(&shadow).await, (0, 0));
}

/// Two budgets' worth of one account, of which one only counts along.
pub async fn unenforced_charge_adds_nothing_to_what_an_enforced_one_needs(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let request = |id, fixed| unenforced(rig.ask(id, &[(&alice, fixed), (&alice, 60)]), &[1]);
    assert_eq!(rig.denied(&request(1, 101)).await.needed, 101);
    rig.granted(&request(2, 60)).await;
    assert_eq!(rig.standing(&alice).await, (0, 120));
    rig.denied(&rig.ask(3, &[(&alice, 0)])).await;
}

/// A raise and a settle know no difference.
pub async fn unenforced_hold_raised_and_settled_like_others(rig: &Rig<'_>) {
    let alice = rig.account("alice", 10);
    let request = |fixed| unenforced(rig.ask(1, &[(&alice, fixed)]), &[0]);
    rig.granted(&request(50)).await;
    let raised = expect_granted(rig.raise(&request(80)).await);
    assert_eq!(raised.entries[0].held, 80);
    assert_eq!(rig.standing(&alice).await, (0, 80));
    rig.settle(&raised, &[70]).await;
    assert_eq!(rig.standing(&alice).await, (70, 0));
}

/// Nobody refuses them, so their sum may exceed 64 bits; what is left when they are over is exact.
pub async fn unenforced_holds_of_all_bits_leave_nothing_behind(rig: &Rig<'_>) {
    for (window, id) in [
        (WindowKind::Month, 0),
        (WindowKind::Sliding(80_000_000), 10),
    ] {
        let alice = rig.account_per(window, "alice", 100);
        let request = |n, fixed| unenforced(rig.ask(id + n, &[(&alice, fixed)]), &[0]);
        rig.granted(&request(1, 5)).await;
        let first = rig.granted(&request(2, u64::MAX)).await;
        let second = rig.granted(&request(3, u64::MAX - 1)).await;
        assert!(second.entries[0].state.held >= i64::MAX as u64);
        rig.denied(&rig.ask(id + 4, &[(&alice, 1)])).await;
        rig.settle(&first, &[1]).await;
        rig.settle(&second, &[2]).await;
        assert_eq!(rig.standing(&alice).await, (3, 5));
        rig.granted(&rig.ask(id + 5, &[(&alice, 92)])).await;
    }
}
