//! Replacing a hold's amounts: for a fallback to a provider whose worst case is higher.

use super::{Rig, expect_denied, expect_granted};

/// The new amounts stand in the place of the old ones, for another lifetime.
pub async fn raise_replaces_the_amounts(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    rig.granted(&rig.ask(1, &[(&alice, 40)])).await;
    rig.clock.advance(rig.hold_lifetime_ms - 1_000);
    let raised = expect_granted(rig.raise(&rig.ask(1, &[(&alice, 90)])).await);
    assert_eq!(raised.entries[0].held, 90);
    assert_eq!(raised.entries[0].state.remaining(), 10);
    rig.clock.advance(rig.hold_lifetime_ms - 1_000);
    assert_eq!(rig.standing(&alice).await, (0, 90));
    // What is asked for again is the hold as it stands.
    assert_eq!(rig.granted(&rig.ask(1, &[(&alice, 40)])).await, raised);
}

/// The room of the old amounts counts, but not that of other holds.
pub async fn raise_fits_beside_its_own_hold_only_once(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.granted(&rig.ask(1, &[(&alice, 40)])).await;
    rig.granted(&rig.ask(2, &[(&alice, 30)])).await;
    let denial = expect_denied(rig.raise(&rig.ask(1, &[(&alice, 71)])).await);
    assert_eq!((denial.needed, denial.state.held), (71, 70));
    expect_granted(rig.raise(&rig.ask(1, &[(&alice, 70)])).await);
    assert_eq!(rig.standing(&alice).await, (0, 100));
}

/// All or nothing: where one account has no room, no account changes.
pub async fn raise_denied_leaves_the_hold(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 1_000), rig.account("team", 50));
    rig.enter_next_window(&key).await;
    let first = rig.granted(&rig.ask(1, &[(&key, 40), (&team, 40)])).await;
    let denial = expect_denied(rig.raise(&rig.ask(1, &[(&key, 60), (&team, 60)])).await);
    assert_eq!(denial.tightest, 1);
    assert_eq!(rig.standing(&key).await, (0, 40));
    assert_eq!(rig.standing(&team).await, (0, 40));
    assert_eq!(rig.granted(&rig.ask(1, &[])).await, first);
    // Nor is it kept alive by that.
    rig.outlive_hold();
    assert_eq!(rig.standing(&team).await, (0, 0));
}

/// What a hold has is not taken from it when it asks for no more, though the limit was lowered.
pub async fn raise_to_less_on_full_account_granted(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    let lowered = rig.account("alice", 50);
    expect_denied(rig.raise(&rig.ask(1, &[(&lowered, 61)])).await);
    let same = expect_granted(
        rig.raise(&rig.ask_output(1, &[(&lowered, 50)], (20, 0)))
            .await,
    );
    assert_eq!((same.output_granted, same.entries[0].held), (10, 60));
    expect_granted(rig.raise(&rig.ask(1, &[(&lowered, 55)])).await);
    assert_eq!(rig.standing(&alice).await, (0, 55));
    expect_granted(rig.raise(&rig.ask(1, &[(&lowered, 0)])).await);
    assert_eq!(rig.standing(&alice).await, (0, 0));
}

/// That holds for nothing too: a hold that has nothing on a full account may go on having nothing.
pub async fn raise_of_nothing_held_on_full_account_granted(rig: &Rig<'_>) {
    let (full, free) = (rig.account("full", 10), rig.account("free", 100));
    rig.granted(&rig.ask(1, &[(&full, 0), (&free, 10)])).await;
    rig.granted(&rig.ask(2, &[(&full, 10)])).await;
    expect_granted(rig.raise(&rig.ask(1, &[(&full, 0), (&free, 20)])).await);
    assert_eq!(rig.standing(&free).await, (0, 20));
    expect_denied(rig.raise(&rig.ask(3, &[(&full, 0)])).await);
}

/// A hold that is raised on other accounts leaves the ones it was on.
pub async fn raise_moves_between_accounts(rig: &Rig<'_>) {
    let (a, b) = (rig.account("a", 100), rig.account("b", 100));
    rig.granted(&rig.ask(1, &[(&a, 40)])).await;
    expect_granted(rig.raise(&rig.ask(1, &[(&b, 70)])).await);
    assert_eq!(rig.standing(&a).await, (0, 0));
    assert_eq!(rig.standing(&b).await, (0, 70));
}

/// An expired hold has no room of its own any more.
pub async fn raise_after_expiry_is_a_new_hold(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.enter_next_window(&alice).await;
    rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.outlive_hold();
    rig.granted(&rig.ask(2, &[(&alice, 50)])).await;
    expect_denied(rig.raise(&rig.ask(1, &[(&alice, 60)])).await);
    expect_granted(rig.raise(&rig.ask(1, &[(&alice, 50)])).await);
    assert_eq!(rig.standing(&alice).await, (0, 100));
}

/// The call is over: its receipt comes back, and nothing stands there until it expires.
pub async fn raise_after_settle_holds_nothing(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let first = rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    rig.settle(&first, &[10]).await;
    let after = expect_granted(rig.raise(&rig.ask(1, &[(&alice, 80)])).await);
    assert_eq!(after, first);
    assert_eq!(rig.standing(&alice).await, (10, 0));
}

/// Output is granted as for a hold.
pub async fn raise_lowers_output_to_what_fits(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.granted(&rig.ask_output(1, &[(&alice, 10)], (20, 5)))
        .await;
    rig.granted(&rig.ask(2, &[(&alice, 30)])).await;
    let raised = expect_granted(
        rig.raise(&rig.ask_output(1, &[(&alice, 20)], (500, 5)))
            .await,
    );
    assert_eq!((raised.output_granted, raised.entries[0].held), (50, 70));
}
