//! A charge goes to the window of admission; nothing moves into a later one.

use tollgate_bundle::WindowKind;

use super::{Rig, expect_granted};

/// What was used or held before the edge does not count after it.
pub async fn window_over_frees_the_account(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    let settled = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.settle(&settled, &[60]).await;
    rig.clock.advance(59_000);
    let flying = rig.granted(&rig.ask(2, &[(&alice, 40)])).await;
    rig.denied(&rig.ask(3, &[(&alice, 1)])).await;
    rig.enter_next_window(&alice).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    let next = rig.granted(&rig.ask(4, &[(&alice, 100)])).await;
    assert!(next.entries[0].window_start_ms > flying.entries[0].window_start_ms);
}

/// A bill that comes after the window is over changes nothing in the present one.
pub async fn settle_after_window_charges_no_later_window(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    rig.clock.advance(59_000);
    let flying = rig.granted(&rig.ask(1, &[(&alice, 40)])).await;
    rig.enter_next_window(&alice).await;
    let states = rig.settle(&flying, &[40]).await;
    assert_eq!((states[0].settled, states[0].held), (0, 0));
    rig.settle(&flying, &[40]).await;
    rig.granted(&rig.ask(2, &[(&alice, 100)])).await;
}

/// Nor does it free what others hold in the present one.
pub async fn settle_after_window_frees_nothing_of_the_later_window(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    rig.clock.advance(59_000);
    let flying = rig.granted(&rig.ask(1, &[(&alice, 40)])).await;
    let forgotten = rig.granted(&rig.ask(2, &[(&alice, 40)])).await;
    rig.enter_next_window(&alice).await;
    let next = rig.granted(&rig.ask(3, &[(&alice, 30)])).await;
    rig.settle(&flying, &[40]).await;
    assert_eq!(rig.standing(&alice).await, (0, 30));
    // The forgotten one expires: it frees nothing here either.
    rig.clock.advance(rig.hold_lifetime_ms - 500);
    rig.renew(&next).await;
    rig.clock.advance(1_000);
    assert_eq!(rig.standing(&alice).await, (0, 30));
    rig.settle(&forgotten, &[40]).await;
    assert_eq!(rig.standing(&alice).await, (0, 30));
}

/// A raise is an admission: after the edge the whole hold counts in the present window.
pub async fn raise_after_window_counts_in_the_later_window(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    rig.clock.advance(59_000);
    rig.granted(&rig.ask(1, &[(&alice, 90)])).await;
    rig.enter_next_window(&alice).await;
    rig.granted(&rig.ask(2, &[(&alice, 30)])).await;
    // Its 90 tokens of the window before are no room of its own in this one.
    super::expect_denied(rig.raise(&rig.ask(1, &[(&alice, 80)])).await);
    let raised = expect_granted(rig.raise(&rig.ask(1, &[(&alice, 70)])).await);
    assert_eq!(rig.standing(&alice).await, (0, 100));
    rig.settle(&raised, &[50]).await;
    assert_eq!(rig.standing(&alice).await, (50, 30));
}

/// A stream that runs on past the edge is renewed, and stays the business of its own window.
pub async fn renew_after_window_holds_nothing_in_the_later_window(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    rig.clock.advance(59_000);
    let flying = rig.granted(&rig.ask(1, &[(&alice, 90)])).await;
    rig.enter_next_window(&alice).await;
    rig.renew(&flying).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    rig.outlive_hold();
    rig.renew(&flying).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    rig.settle(&flying, &[90]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// A limit per minute and one per day: the day remembers what the minute forgets.
pub async fn windows_of_one_subject_apply_together(rig: &Rig<'_>) {
    let day = rig.account("alice", 150);
    let minute = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&day).await;
    let first = rig
        .granted(&rig.ask(1, &[(&day, 100), (&minute, 100)]))
        .await;
    rig.settle(&first, &[100, 100]).await;
    let denial = rig.denied(&rig.ask(2, &[(&day, 50), (&minute, 50)])).await;
    assert_eq!(denial.tightest, 1);
    rig.enter_next_window(&minute).await;
    let denial = rig.denied(&rig.ask(3, &[(&day, 51), (&minute, 51)])).await;
    assert_eq!(denial.tightest, 0);
    rig.granted(&rig.ask(4, &[(&day, 50), (&minute, 50)])).await;
}
