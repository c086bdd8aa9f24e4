//! Every ending charges what was used, once.

use super::Rig;

/// The difference between hold and charge is free again at once.
pub async fn settle_frees_hold_and_charges(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 100), rig.account("team", 200));
    let receipt = rig.granted(&rig.ask(1, &[(&key, 80), (&team, 80)])).await;
    let states = rig.settle(&receipt, &[30, 31]).await;
    rig.same_state(&rig.state(&key).await, &states[0], "as settled");
    assert_eq!((states[0].limit, states[0].remaining()), (100, 70));
    assert_eq!(rig.standing(&key).await, (30, 0));
    assert_eq!(rig.standing(&team).await, (31, 0));
}

/// Delivered twice, with other figures the second time: the first counts.
pub async fn settle_twice_charges_once(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 80)])).await;
    rig.settle(&receipt, &[30]).await;
    let states = rig.settle(&receipt, &[50]).await;
    assert_eq!((states[0].settled, states[0].held), (30, 0));
    assert_eq!(rig.standing(&alice).await, (30, 0));
}

/// The second one comes after the hold would have expired.
pub async fn settle_twice_across_expiry_charges_once(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 80)])).await;
    rig.settle(&receipt, &[30]).await;
    rig.clock.advance(rig.hold_lifetime_ms + 1_000);
    rig.settle(&receipt, &[30]).await;
    assert_eq!(rig.standing(&alice).await, (30, 0));

    let late = rig.granted(&rig.ask(2, &[(&alice, 20)])).await;
    rig.outlive_hold();
    rig.settle(&late, &[15]).await;
    rig.settle(&late, &[15]).await;
    assert_eq!(rig.standing(&alice).await, (45, 0));
}

/// Tokens that were used are paid for, however late their bill.
pub async fn settle_after_expiry_charges(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 80)])).await;
    rig.clock.advance(rig.hold_lifetime_ms * 10);
    assert_eq!(rig.standing(&alice).await, (0, 0));
    let states = rig.settle(&receipt, &[30]).await;
    assert_eq!(states[0].settled, 30);
    assert_eq!(rig.standing(&alice).await, (30, 0));
}

/// The receipt of the first hold settles it as well: what stands there is freed.
pub async fn settle_after_raise_frees_the_raised_hold(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let first = rig.granted(&rig.ask(1, &[(&alice, 20)])).await;
    rig.raise(&rig.ask(1, &[(&alice, 90)])).await;
    rig.settle(&first, &[35]).await;
    assert_eq!(rig.standing(&alice).await, (35, 0));
}

/// More than was held, even more than the limit: the truth is recorded and nothing is left.
pub async fn settle_above_hold_charged_truthfully(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 80)])).await;
    let states = rig.settle(&receipt, &[130]).await;
    assert_eq!((states[0].settled, states[0].remaining()), (130, 0));
    rig.denied(&rig.ask(2, &[(&alice, 0)])).await;
}

/// A provider that failed before its first byte costs nothing.
pub async fn settle_of_nothing_releases(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 100)])).await;
    rig.settle(&receipt, &[0]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    rig.granted(&rig.ask(2, &[(&alice, 100)])).await;
}

/// A settlement that is too short never charges less than the worst case.
pub async fn settle_without_figure_charges_the_hold(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 100), rig.account("team", 100));
    let receipt = rig.granted(&rig.ask(1, &[(&key, 40), (&team, 50)])).await;
    rig.settle(&receipt, &[1]).await;
    assert_eq!(rig.standing(&key).await, (1, 0));
    assert_eq!(rig.standing(&team).await, (50, 0));
}

/// A hold that is repeated after its settlement finds the call over.
pub async fn hold_after_settle_returns_receipt_and_holds_nothing(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let request = rig.ask(1, &[(&alice, 80)]);
    let receipt = rig.granted(&request).await;
    rig.settle(&receipt, &[30]).await;
    assert_eq!(rig.granted(&request).await, receipt);
    assert_eq!(rig.standing(&alice).await, (30, 0));
}

/// A hold that was granted while the store did not answer is charged all the same, once.
pub async fn unrecorded_receipt_charged_when_settled(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let mut receipt = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    assert!(receipt.recorded);
    rig.settle(&receipt, &[0]).await;
    receipt.id = rig.ask(2, &[]).id;
    receipt.recorded = false;
    rig.settle(&receipt, &[40]).await;
    rig.settle(&receipt, &[40]).await;
    assert_eq!(rig.standing(&alice).await, (40, 0));
}
