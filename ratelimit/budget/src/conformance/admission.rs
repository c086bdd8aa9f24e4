//! What is admitted, how much output is granted, what a denial says.

use tollgate_bundle::{OnStoreFailure, WindowKind};

use super::{Rig, join_all};
use crate::{Charge, HoldOutcome};

/// A hold shows at once in `held` and `remaining`, in the receipt and in the states.
pub async fn hold_counts_until_settled(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 30)])).await;
    assert_eq!(receipt.id, rig.ask(1, &[]).id);
    assert_eq!(receipt.entries.len(), 1);
    assert_eq!(receipt.entries[0].account, alice);
    assert_eq!(receipt.entries[0].held, 30);
    let state = rig.state(&alice).await;
    assert_eq!((state.limit, state.settled, state.held), (100, 0, 30));
    assert_eq!(state.remaining(), 70);
    assert_eq!(receipt.entries[0].state.remaining(), 70);
    rig.granted(&rig.ask(2, &[(&alice, 30)])).await;
    assert_eq!(rig.standing(&alice).await, (0, 60));
}

/// `settled + held + want ≤ limit` admits; used == limit denies.
pub async fn hold_up_to_exactly_the_limit_granted_next_denied(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let first = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    let denial = rig.denied(&rig.ask(2, &[(&alice, 41)])).await;
    assert_eq!((denial.tightest, denial.needed), (0, 41));
    assert_eq!((denial.state.limit, denial.state.held), (100, 60));
    assert!(denial.state.reset_ms > 0 && denial.state.reset_ms <= 86_400_000);
    rig.granted(&rig.ask(3, &[(&alice, 40)])).await;
    rig.denied(&rig.ask(4, &[(&alice, 1)])).await;
    rig.settle(&first, &[60]).await;
    rig.denied(&rig.ask(5, &[(&alice, 1)])).await;
    assert_eq!(rig.standing(&alice).await, (60, 40));
}

/// Even a request that needs no token is denied where none is left.
pub async fn hold_of_nothing_on_full_account_denied(rig: &Rig<'_>) {
    let alice = rig.account("alice", 10);
    rig.granted(&rig.ask(1, &[(&alice, 0)])).await;
    rig.granted(&rig.ask(2, &[(&alice, 10)])).await;
    let denial = rig.denied(&rig.ask(3, &[(&alice, 0)])).await;
    assert_eq!((denial.needed, denial.state.remaining()), (0, 0));
}

/// A limit of 0 denies the first request, whatever it needs.
pub async fn limit_zero_denies_first_request(rig: &Rig<'_>) {
    let alice = rig.account("alice", 0);
    rig.denied(&rig.ask(1, &[(&alice, 1)])).await;
    rig.denied(&rig.ask(2, &[(&alice, 0)])).await;
    rig.denied(&rig.ask_output(3, &[(&alice, 0)], (10, 0)))
        .await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// Limits are 64-bit.
pub async fn limit_beyond_32_bits_enforced(rig: &Rig<'_>) {
    let limit = (1 << 32) + 5;
    let alice = rig.account("alice", limit);
    let first = rig.granted(&rig.ask(1, &[(&alice, 1 << 32)])).await;
    rig.settle(&first, &[1 << 32]).await;
    rig.denied(&rig.ask(2, &[(&alice, 6)])).await;
    let last = rig.granted(&rig.ask(3, &[(&alice, 5)])).await;
    assert_eq!(last.entries[0].state.remaining(), 0);
    assert_eq!(rig.state(&alice).await.limit, limit);
}

/// Sums that exceed 64 bits are too much, not little. (2^53 is where doubles, such as the
/// numbers of Redis scripts, stop being exact.)
pub async fn asks_of_all_bits_do_not_wrap(rig: &Rig<'_>) {
    let limit = i64::MAX as u64;
    let alice = rig.account("alice", limit);
    rig.granted(&rig.ask(1, &[(&alice, limit - (1 << 53) - 1)]))
        .await;
    rig.denied(&rig.ask(2, &[(&alice, (1 << 53) + 2)])).await;
    rig.denied(&rig.ask(3, &[(&alice, u64::MAX)])).await;
    rig.denied(&rig.ask_output(4, &[(&alice, u64::MAX)], (u64::MAX, u64::MAX)))
        .await;
    let mut product = rig.ask_output(5, &[(&alice, 0)], (u64::MAX, u64::MAX));
    product.charges[0].per_output = u64::MAX;
    assert_eq!(rig.denied(&product).await.needed, u64::MAX);
    let mut sum = rig.ask(6, &[(&alice, u64::MAX), (&alice, u64::MAX)]);
    sum.output_want = 1;
    assert_eq!(rig.denied(&sum).await.needed, u64::MAX);
    rig.granted(&rig.ask(7, &[(&alice, (1 << 53) + 1)])).await;
    assert_eq!(rig.state(&alice).await.remaining(), 0);
}

/// The gateway lowers the provider's output limit instead of refusing.
pub async fn output_lowered_to_what_fits(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let all = rig
        .granted(&rig.ask_output(1, &[(&alice, 10)], (30, 5)))
        .await;
    assert_eq!((all.output_granted, all.entries[0].held), (30, 40));
    let less = rig
        .granted(&rig.ask_output(2, &[(&alice, 10)], (1_000, 5)))
        .await;
    assert_eq!((less.output_granted, less.entries[0].held), (50, 60));
    assert_eq!(less.entries[0].state.remaining(), 0);
}

/// Less output than the minimum is not worth serving.
pub async fn output_below_minimum_denied(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let denial = rig
        .denied(&rig.ask_output(1, &[(&alice, 90)], (1_000, 11)))
        .await;
    assert_eq!(denial.needed, 101);
    let just = rig
        .granted(&rig.ask_output(2, &[(&alice, 90)], (1_000, 10)))
        .await;
    assert_eq!(just.output_granted, 10);
}

/// Output is what fits on every account, each at its own price.
pub async fn output_granted_by_the_account_with_least_room(rig: &Rig<'_>) {
    let (alice, team, org) = (
        rig.account("alice", 100),
        rig.account("team", 60),
        rig.account("org", 100),
    );
    let mut request = rig.ask_output(1, &[(&alice, 10), (&team, 10), (&org, 9)], (200, 1));
    request.charges[2].per_output = 3;
    let receipt = rig.granted(&request).await;
    // 90, 50 and 91 / 3.
    assert_eq!(receipt.output_granted, 30);
    let held: Vec<_> = receipt.entries.iter().map(|entry| entry.held).collect();
    assert_eq!(held, [40, 40, 99]);
}

/// An account that does not count output does not limit it.
pub async fn output_free_of_charge_granted_in_full(rig: &Rig<'_>) {
    let alice = rig.account("alice", 10);
    let mut request = rig.ask(1, &[(&alice, 10)]);
    (request.output_want, request.output_min) = (4_096, 16);
    let receipt = rig.granted(&request).await;
    assert_eq!(
        (receipt.output_granted, receipt.entries[0].held),
        (4_096, 10)
    );
}

/// A client may want less than the gateway's minimum.
pub async fn minimum_above_want_is_lowered_to_want(rig: &Rig<'_>) {
    let alice = rig.account("alice", 10);
    let receipt = rig
        .granted(&rig.ask_output(1, &[(&alice, 5)], (5, 16)))
        .await;
    assert_eq!((receipt.output_granted, receipt.entries[0].held), (5, 10));
}

/// The key has room, the team has none: nothing is recorded on either.
pub async fn hold_on_all_accounts_or_none(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 1_000), rig.account("team", 10));
    let denial = rig.denied(&rig.ask(1, &[(&key, 20), (&team, 20)])).await;
    assert_eq!((denial.tightest, denial.needed), (1, 20));
    rig.same_state(&rig.state(&team).await, &denial.state, "as denied");
    assert_eq!(rig.standing(&key).await, (0, 0));
    assert_eq!(rig.standing(&team).await, (0, 0));
    rig.granted(&rig.ask(1, &[(&key, 10), (&team, 10)])).await;
    assert_eq!(rig.standing(&key).await, (0, 10));
    assert_eq!(rig.standing(&team).await, (0, 10));
}

/// Of the accounts that do not fit, the one whose window ends last tells when to come back.
pub async fn denial_names_account_that_frees_latest(rig: &Rig<'_>) {
    let minute = rig.account_per(WindowKind::Minute, "alice", 0);
    let month = rig.account_per(WindowKind::Month, "alice", 5);
    let hour = rig.account_per(WindowKind::Hour, "alice", 2);
    let roomy = rig.account_per(WindowKind::Month, "team", 1_000);
    // Not where the windows of a minute and of an hour end together.
    rig.enter_next_window(&hour).await;
    let all = [(&minute, 6), (&hour, 6), (&month, 6), (&roomy, 6)];
    assert_eq!(rig.denied(&rig.ask(1, &all)).await.tightest, 2);
    assert_eq!(rig.denied(&rig.ask(2, &all[..2])).await.tightest, 1);
    assert_eq!(rig.denied(&rig.ask(3, &all[..1])).await.tightest, 0);
}

/// Of those that end together the one with least left, and of equals the first.
pub async fn denial_names_account_with_least_left(rig: &Rig<'_>) {
    let (a, b, c) = (
        rig.account("a", 7),
        rig.account("b", 3),
        rig.account("c", 3),
    );
    rig.enter_next_window(&a).await;
    let request = rig.ask(1, &[(&a, 10), (&b, 10), (&c, 10)]);
    assert_eq!(rig.denied(&request).await.tightest, 1);
}

/// Both charges apply, and their sum must fit under each of the limits.
pub async fn account_named_twice_pays_twice(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let denial = rig.denied(&rig.ask(1, &[(&alice, 60), (&alice, 41)])).await;
    assert_eq!((denial.tightest, denial.needed), (0, 101));
    let strict = rig.account("alice", 99);
    let denial = rig
        .denied(&rig.ask(2, &[(&alice, 60), (&strict, 40)]))
        .await;
    assert_eq!((denial.tightest, denial.state.limit), (1, 99));
    let mut request = rig.ask_output(3, &[(&alice, 10), (&alice, 20)], (1_000, 0));
    request.charges[1].per_output = 2;
    let receipt = rig.granted(&request).await;
    assert_eq!(receipt.output_granted, 23);
    let held: Vec<_> = receipt.entries.iter().map(|entry| entry.held).collect();
    assert_eq!(held, [33, 66]);
    assert_eq!(rig.standing(&alice).await, (0, 99));
    let states = rig.settle(&receipt, &[1, 2]).await;
    assert_eq!(states[0], states[1]);
    assert_eq!(rig.standing(&alice).await, (3, 0));
}

/// No budget applies: granted, and harmless to renew and to settle.
pub async fn request_without_charges_granted(rig: &Rig<'_>) {
    let mut request = rig.ask(1, &[]);
    request.output_want = 77;
    let receipt = rig.granted(&request).await;
    assert_eq!(receipt.output_granted, 77);
    assert!(receipt.entries.is_empty());
    rig.renew(&receipt).await;
    assert!(rig.settle(&receipt, &[]).await.is_empty());
}

/// An answer that got lost is asked for again: held once.
pub async fn hold_repeated_returns_first_receipt(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let request = rig.ask(1, &[(&alice, 80)]);
    let first = rig.granted(&request).await;
    assert_eq!(rig.granted(&request).await, first);
    assert_eq!(rig.standing(&alice).await, (0, 80));
}

/// The limit is no part of the account's name.
pub async fn limit_edited_keeps_usage(rig: &Rig<'_>) {
    let before = rig.account("alice", 100);
    let receipt = rig.granted(&rig.ask(1, &[(&before, 80)])).await;
    rig.settle(&receipt, &[80]).await;
    let raised = rig.account("alice", 200);
    assert_eq!(rig.state(&raised).await.remaining(), 120);
    rig.denied(&rig.ask(2, &[(&raised, 121)])).await;
    let lowered = rig.account("alice", 50);
    let state = rig.state(&lowered).await;
    assert_eq!((state.limit, state.settled, state.remaining()), (50, 80, 0));
    rig.denied(&rig.ask(3, &[(&lowered, 1)])).await;
    rig.granted(&rig.ask(4, &[(&raised, 120)])).await;
}

/// Many requests at once see each other's holds.
pub async fn parallel_holds_admit_only_what_fits(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 10_000), rig.account("team", 1_000));
    let requests: Vec<_> = (0..500)
        .map(|id| rig.ask(id, &[(&key, 100), (&team, 100)]))
        .collect();
    let outcomes = join_all(requests.iter().map(|r| rig.store.hold(r)).collect()).await;
    let granted = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, HoldOutcome::Granted(_)))
        .count();
    assert_eq!(granted, 10);
    assert_eq!(rig.standing(&key).await, (0, 1_000));
    assert_eq!(rig.standing(&team).await, (0, 1_000));
}

/// The first requests ever of a subject, all at once, under a tiny limit.
pub async fn parallel_first_holds_of_unknown_subject_admit_only_what_fits(rig: &Rig<'_>) {
    let nobody = rig.account("nobody", 25);
    let requests: Vec<_> = (0..8)
        .map(|id| {
            let mut request = rig.ask_output(id, &[], (20, 10));
            request.charges.push(Charge {
                account: nobody.clone(),
                fixed: 0,
                per_output: 1,
                enforce: true,
                on_failure: OnStoreFailure::Closed,
            });
            request
        })
        .collect();
    let outcomes = join_all(requests.iter().map(|r| rig.store.hold(r)).collect()).await;
    let granted: u64 = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            HoldOutcome::Granted(receipt) => Some(receipt.output_granted),
            HoldOutcome::Denied(_) => None,
        })
        .sum();
    assert_eq!(granted, 20);
    assert_eq!(rig.standing(&nobody).await, (0, 20));
}
