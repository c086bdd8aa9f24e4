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

/// A calendar year, to its last millisecond.
pub async fn year_frees_at_its_end(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Year, "alice", 100);
    let left_ms = rig.state(&alice).await.reset_ms;
    assert!(left_ms > 0 && left_ms <= 366 * 86_400_000, "{left_ms}");
    rig.enter_next_window(&alice).await;
    let first = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.settle(&first, &[60]).await;
    let year_ms = first.entries[0].state.reset_ms;
    assert!(year_ms > 365 * 86_400_000 - 2_000, "{year_ms}");
    rig.clock.advance(year_ms - rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (60, 0));
    let denial = rig.denied(&rig.ask(2, &[(&alice, 41)])).await;
    assert_eq!(denial.retry_ms, denial.state.reset_ms);
    rig.clock.advance(rig.shy_ms());
    assert_eq!(rig.standing(&alice).await, (0, 0));
    let next = rig.granted(&rig.ask(3, &[(&alice, 100)])).await;
    assert!(next.entries[0].window_start_ms > first.entries[0].window_start_ms);
}

/// All time is one window: nothing spent in it is ever free again, and a bill is never too late.
pub async fn lifetime_never_frees(rig: &Rig<'_>) {
    const TEN_YEARS_MS: u64 = 3_653 * 86_400_000;
    let alice = rig.account_per(WindowKind::Lifetime, "alice", 100);
    let late = rig.granted(&rig.ask(1, &[(&alice, 30)])).await;
    assert_eq!(late.entries[0].window_start_ms, i64::MIN);
    assert_eq!(late.entries[0].state.reset_ms, u64::MAX);
    rig.spend_on(&[(&alice, 50)]).await;
    rig.grant(&alice, 5).await;
    rig.clock.advance(TEN_YEARS_MS);
    assert_eq!(rig.standing(&alice).await, (50, 0));
    let states = rig.settle(&late, &[30]).await;
    assert_eq!((states[0].settled, states[0].granted), (80, 5));
    let denial = rig.denied(&rig.ask(2, &[(&alice, 26)])).await;
    assert_eq!(
        (denial.retry_ms, denial.state.reset_ms),
        (u64::MAX, u64::MAX)
    );
    assert_eq!(denial.state.resets_in_ms(), None);
    rig.granted(&rig.ask(3, &[(&alice, 25)])).await;
    let state = rig.reset(&alice).await;
    assert_eq!((state.settled, state.held, state.granted), (0, 25, 0));
}
