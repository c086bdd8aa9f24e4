//! Charges without a hold.

use tollgate_bundle::WindowKind;

use super::{Rig, join_all};
use crate::{Spend, SpendOutcome};

fn fits(outcome: &SpendOutcome) -> Vec<bool> {
    outcome
        .accounts
        .iter()
        .map(|account| account.fits)
        .collect()
}

/// What is spent stands there at once, for good.
pub async fn spend_charges_at_once(rig: &Rig<'_>) {
    let (alice, team) = (rig.account("alice", 100), rig.account("team", 200));
    rig.enter_next_window(&alice).await;
    let outcome = rig.spend_on(&[(&alice, 30), (&team, 31)]).await;
    assert!(outcome.admitted);
    assert_eq!(fits(&outcome), [true, true]);
    let state = &outcome.accounts[0].state;
    assert_eq!((state.limit, state.settled, state.held), (100, 30, 0));
    rig.same_state(&rig.state(&alice).await, state, "as spent");
    rig.outlive_hold();
    assert_eq!(rig.standing(&alice).await, (30, 0));
    assert_eq!(rig.standing(&team).await, (31, 0));
}

/// `settled + held + amount ≤ limit` admits.
pub async fn spend_up_to_exactly_the_limit_admitted_next_not(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    assert!(rig.spend_on(&[(&alice, 60)]).await.admitted);
    let refused = rig.spend_on(&[(&alice, 41)]).await;
    assert!(!refused.admitted);
    assert_eq!(fits(&refused), [false]);
    assert_eq!(refused.accounts[0].state.settled, 60);
    assert!(rig.spend_on(&[(&alice, 40)]).await.admitted);
    assert!(!rig.spend_on(&[(&alice, 1)]).await.admitted);
    assert_eq!(rig.standing(&alice).await, (100, 0));
}

/// The key has room, the team has none: nothing is charged to either, and the answer says which.
pub async fn spend_all_or_nothing(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 1_000), rig.account("team", 10));
    let refused = rig.spend_on(&[(&key, 20), (&team, 20)]).await;
    assert!(!refused.admitted);
    assert_eq!(fits(&refused), [true, false]);
    assert_eq!(rig.standing(&key).await, (0, 0));
    assert_eq!(rig.standing(&team).await, (0, 0));
    assert!(rig.spend_on(&[(&key, 10), (&team, 10)]).await.admitted);
    assert_eq!(rig.standing(&key).await, (10, 0));
}

/// 0 charges nothing, and is refused where nothing is left.
pub async fn spend_of_nothing_asks_whether_anything_is_left(rig: &Rig<'_>) {
    let (alice, nobody) = (rig.account("alice", 10), rig.account("nobody", 0));
    assert!(!rig.spend_on(&[(&nobody, 0)]).await.admitted);
    assert!(rig.spend_on(&[(&alice, 9)]).await.admitted);
    assert!(rig.spend_on(&[(&alice, 0)]).await.admitted);
    assert!(rig.spend_on(&[(&alice, 1)]).await.admitted);
    let full = rig.spend_on(&[(&alice, 0)]).await;
    assert_eq!((full.admitted, fits(&full)), (false, vec![false]));
    assert_eq!(rig.standing(&alice).await, (10, 0));
}

/// A charge that comes after the fact is recorded, and the answer says that it did not fit.
pub async fn spend_forced_charged_beyond_the_limit(rig: &Rig<'_>) {
    let alice = rig.account("alice", 10);
    let outcome = rig.spend_forced(&alice, 25).await;
    assert!(outcome.admitted);
    assert_eq!(fits(&outcome), [false]);
    let state = &outcome.accounts[0].state;
    assert_eq!((state.settled, state.remaining()), (25, 0));
    assert!(rig.spend_forced(&alice, 1).await.admitted);
    assert_eq!(rig.standing(&alice).await, (26, 0));
    rig.denied(&rig.ask(1, &[(&alice, 0)])).await;
}

/// What is forced does not wait for what is not.
pub async fn spend_forced_charged_where_another_is_refused(rig: &Rig<'_>) {
    let (key, team) = (rig.account("key", 100), rig.account("team", 10));
    let spend = |account: &crate::Account, forced| Spend {
        account: account.clone(),
        amount: 20,
        forced,
    };
    let outcome = rig.spend(&[spend(&team, false), spend(&key, true)]).await;
    assert!(!outcome.admitted);
    assert_eq!(fits(&outcome), [false, true]);
    assert_eq!(rig.standing(&key).await, (20, 0));
    assert_eq!(rig.standing(&team).await, (0, 0));
    let outcome = rig.spend(&[spend(&key, false), spend(&team, true)]).await;
    assert!(outcome.admitted);
    assert_eq!(fits(&outcome), [true, false]);
    assert_eq!(rig.standing(&key).await, (40, 0));
    assert_eq!(rig.standing(&team).await, (20, 0));
}

/// Requests in flight and plain counters share the account.
pub async fn spend_sees_holds(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.granted(&rig.ask(1, &[(&alice, 60)])).await;
    assert!(!rig.spend_on(&[(&alice, 41)]).await.admitted);
    assert!(rig.spend_on(&[(&alice, 40)]).await.admitted);
    rig.denied(&rig.ask(2, &[(&alice, 1)])).await;
    assert_eq!(rig.standing(&alice).await, (40, 60));
}

/// Each with those before it, under its own limit.
pub async fn spend_on_one_account_judged_in_turn(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let refused = rig.spend_on(&[(&alice, 60), (&alice, 41)]).await;
    assert_eq!(
        (refused.admitted, fits(&refused)),
        (false, vec![true, false])
    );
    let refused = rig
        .spend_on(&[(&alice, 60), (&alice, 40), (&alice, 0)])
        .await;
    assert_eq!(fits(&refused), [true, true, false]);
    let strict = rig.account("alice", 50);
    let refused = rig.spend_on(&[(&alice, 60), (&strict, 1)]).await;
    assert_eq!(fits(&refused), [true, false]);
    assert_eq!(rig.standing(&alice).await, (0, 0));
    let outcome = rig
        .spend_on(&[(&alice, 60), (&alice, -20), (&alice, 60)])
        .await;
    assert_eq!((outcome.admitted, fits(&outcome)), (true, vec![true; 3]));
    assert_eq!(outcome.accounts[0].state.settled, 100);
    assert_eq!(rig.standing(&alice).await, (100, 0));
}

/// More than was charged is not given back: nobody starts below 0.
pub async fn spend_given_back_down_to_nothing(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    let unknown = rig.spend_on(&[(&alice, -50)]).await;
    assert_eq!((unknown.admitted, fits(&unknown)), (true, vec![true]));
    rig.spend_on(&[(&alice, 30)]).await;
    rig.spend_on(&[(&alice, -10)]).await;
    assert_eq!(rig.standing(&alice).await, (20, 0));
    rig.spend_on(&[(&alice, -50)]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    assert!(!rig.spend_on(&[(&alice, 101)]).await.admitted);
    // In one list too, nothing is saved up.
    let refused = rig.spend_on(&[(&alice, -50), (&alice, 101)]).await;
    assert_eq!(fits(&refused), [true, false]);
}

/// To give back is never refused, but it waits for the others of its list.
pub async fn spend_given_back_fits_on_full_account(rig: &Rig<'_>) {
    let (alice, team) = (rig.account("alice", 100), rig.account("team", 10));
    rig.spend_forced(&alice, 150).await;
    assert!(rig.spend_on(&[(&alice, -10)]).await.admitted);
    assert_eq!(rig.standing(&alice).await, (140, 0));
    assert!(!rig.spend_on(&[(&alice, -10), (&team, 11)]).await.admitted);
    assert_eq!(rig.standing(&alice).await, (140, 0));
    rig.spend_forced(&alice, -10).await;
    assert_eq!(rig.standing(&alice).await, (130, 0));
}

/// What was spent before the edge is gone; it cannot be got back after it.
pub async fn spend_given_back_into_no_later_window(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    rig.spend_on(&[(&alice, 50)]).await;
    rig.enter_next_window(&alice).await;
    rig.spend_on(&[(&alice, -50)]).await;
    assert_eq!(rig.standing(&alice).await, (0, 0));
    assert!(!rig.spend_on(&[(&alice, 101)]).await.admitted);
}

/// Nothing matched: admitted.
pub async fn spend_of_no_accounts_admitted(rig: &Rig<'_>) {
    let outcome = rig.spend(&[]).await;
    assert!(outcome.admitted && outcome.accounts.is_empty());
}

/// Many at once see each other.
pub async fn parallel_spends_admit_only_what_fits(rig: &Rig<'_>) {
    let alice = rig.account("alice", 1_000);
    let spends: Vec<[Spend; 1]> = (0..500)
        .map(|_| {
            [Spend {
                account: alice.clone(),
                amount: 100,
                forced: false,
            }]
        })
        .collect();
    let outcomes = join_all(spends.iter().map(|s| rig.store.spend(s)).collect()).await;
    assert_eq!(outcomes.iter().filter(|o| o.admitted).count(), 10);
    assert_eq!(rig.standing(&alice).await, (1_000, 0));
}
