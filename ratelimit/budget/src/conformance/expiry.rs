//! How long a hold lives, and what renewing does.

use super::Rig;

/// A process that was killed neither renews nor settles: its holds stop counting by themselves,
/// and leave no spending behind.
pub async fn forgotten_hold_freed_after_lifetime(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    rig.granted(&rig.ask(1, &[(&alice, 100)])).await;
    rig.clock.advance(rig.hold_lifetime_ms - 1_000);
    rig.denied(&rig.ask(2, &[(&alice, 1)])).await;
    rig.clock.advance(1_000);
    assert_eq!(rig.standing(&alice).await, (0, 0));
    rig.granted(&rig.ask(3, &[(&alice, 100)])).await;
}

/// The id of an expired hold is free.
pub async fn forgotten_hold_may_be_taken_again(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    rig.granted(&rig.ask(1, &[(&alice, 100)])).await;
    rig.outlive_hold();
    let again = rig.granted(&rig.ask(1, &[(&alice, 70)])).await;
    assert_eq!(again.entries[0].held, 70);
    assert_eq!(rig.standing(&alice).await, (0, 70));
}

/// Renewed in time, a hold counts once and for another lifetime.
pub async fn renewed_hold_lives_on(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 100)])).await;
    for _ in 0..3 {
        rig.clock.advance(rig.hold_lifetime_ms - 1_000);
        rig.renew(&receipt).await;
        assert_eq!(rig.standing(&alice).await, (0, 100));
    }
    rig.outlive_hold();
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// A hold renewed too late is recorded again, even where its room was given away meanwhile: the
/// call it stands for is in flight.
pub async fn renew_after_expiry_holds_again(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let late = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.outlive_hold();
    let other = rig.granted(&rig.ask(2, &[(&alice, 60)])).await;
    rig.renew(&late).await;
    let state = rig.state(&alice).await;
    assert_eq!((state.held, state.remaining()), (120, 0));
    rig.denied(&rig.ask(3, &[(&alice, 1)])).await;
    rig.settle(&other, &[0]).await;
    rig.settle(&late, &[5]).await;
    assert_eq!(rig.standing(&alice).await, (5, 0));
}

/// A renewal that overtakes nothing: the call is over.
pub async fn renew_after_settle_does_nothing(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    let receipt = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.settle(&receipt, &[10]).await;
    rig.renew(&receipt).await;
    assert_eq!(rig.standing(&alice).await, (10, 0));
}
