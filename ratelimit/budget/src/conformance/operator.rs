//! What operators do: grant, reset, list.

use std::{collections::BTreeMap, sync::Arc};

use tollgate_bundle::WindowKind;

use super::Rig;
use crate::Account;

/// Grants add up, and holds and spends see them.
pub async fn grant_adds_to_the_limit(rig: &Rig<'_>) {
    let alice = rig.account("alice", 100);
    rig.spend_on(&[(&alice, 100)]).await;
    let state = rig.grant(&alice, 50).await;
    assert_eq!((state.limit, state.granted), (100, 50));
    assert_eq!((state.settled, state.remaining()), (100, 50));
    let denial = rig.denied(&rig.ask(1, &[(&alice, 51)])).await;
    assert_eq!((denial.state.granted, denial.state.remaining()), (50, 50));
    assert!(!rig.spend_on(&[(&alice, 51)]).await.admitted);
    let receipt = rig
        .granted(&rig.ask_output(2, &[(&alice, 10)], (1_000, 1)))
        .await;
    assert_eq!(receipt.output_granted, 40);
    assert_eq!(rig.grant(&alice, 25).await.granted, 75);
    assert!(rig.spend_on(&[(&alice, 25)]).await.admitted);
    assert_eq!(rig.grant(&alice, 0).await.granted, 75);
    assert_eq!(rig.state(&alice).await.remaining(), 0);
}

/// The next window has its own limit and no more.
pub async fn grant_gone_with_the_window(rig: &Rig<'_>) {
    let alice = rig.account_per(WindowKind::Minute, "alice", 100);
    rig.enter_next_window(&alice).await;
    rig.grant(&alice, 50).await;
    assert!(rig.spend_on(&[(&alice, 150)]).await.admitted);
    rig.enter_next_window(&alice).await;
    let state = rig.state(&alice).await;
    assert_eq!((state.granted, state.remaining()), (0, 100));
    rig.denied(&rig.ask(1, &[(&alice, 101)])).await;
}

/// Also where nothing was ever spent, and where the limit itself is nothing.
pub async fn grant_on_unknown_account_counts(rig: &Rig<'_>) {
    let nobody = rig.account("nobody", 0);
    assert_eq!(rig.grant(&nobody, 10).await.remaining(), 10);
    rig.granted(&rig.ask(1, &[(&nobody, 10)])).await;
    rig.denied(&rig.ask(2, &[(&nobody, 0)])).await;
}

/// What was granted stands beside the limit, not in it.
pub async fn grant_outlives_an_edited_limit(rig: &Rig<'_>) {
    let before = rig.account("alice", 100);
    rig.grant(&before, 50).await;
    let after = rig.account("alice", 200);
    let state = rig.state(&after).await;
    assert_eq!(
        (state.limit, state.granted, state.remaining()),
        (200, 50, 250)
    );
}

/// A clean slate for what is over, not for what is in flight.
pub async fn reset_forgets_charges_and_grants_but_not_holds(rig: &Rig<'_>) {
    for window in [WindowKind::Day, WindowKind::Sliding(80_000)] {
        let alice = rig.account_per(window, "alice", 100);
        let id = u64::from(window == WindowKind::Day);
        rig.enter_next_window(&alice).await;
        rig.spend_on(&[(&alice, 60)]).await;
        rig.grant(&alice, 20).await;
        let receipt = rig.granted(&rig.ask(id, &[(&alice, 30)])).await;
        let state = rig.reset(&alice).await;
        assert_eq!((state.settled, state.held, state.granted), (0, 30, 0));
        assert_eq!((state.limit, state.remaining()), (100, 70));
        rig.same_state(&rig.state(&alice).await, &state, "as reset");
        rig.denied(&rig.ask(9, &[(&alice, 71)])).await;
        rig.settle(&receipt, &[0]).await;
        assert_eq!(rig.standing(&alice).await, (0, 0));
    }
}

/// Nothing stands there, before and after.
pub async fn reset_of_unknown_account_changes_nothing(rig: &Rig<'_>) {
    let nobody = rig.account("nobody", 100);
    let state = rig.reset(&nobody).await;
    assert_eq!((state.settled, state.held, state.granted), (0, 0, 0));
    assert_eq!(state.remaining(), 100);
    rig.granted(&rig.ask(1, &[(&nobody, 100)])).await;
}

/// A call that was in flight at the reset is paid for like any other.
pub async fn settle_after_reset_charges(rig: &Rig<'_>) {
    for window in [WindowKind::Day, WindowKind::Sliding(80_000)] {
        let alice = rig.account_per(window, "alice", 100);
        let id = u64::from(window == WindowKind::Day);
        rig.enter_next_window(&alice).await;
        rig.spend_on(&[(&alice, 40)]).await;
        let receipt = rig.granted(&rig.ask(id, &[(&alice, 50)])).await;
        rig.reset(&alice).await;
        rig.settle(&receipt, &[45]).await;
        assert_eq!(rig.standing(&alice).await, (45, 0));
    }
}

/// An account of a budget of this check's own.
fn listed(rig: &Rig<'_>, window: WindowKind, subject: &str) -> Account {
    Account {
        budget: Arc::from(format!("conformance/list-{}", rig.run)),
        subject: Arc::from(subject),
        ..rig.account_per(window, "listed", 100)
    }
}

/// Charged, held and granted; not what is untouched, another budget's, or over.
pub async fn list_shows_what_stands_on_a_budgets_accounts(rig: &Rig<'_>) {
    let day = listed(rig, WindowKind::Day, "user:a");
    let minute = listed(rig, WindowKind::Minute, "user:a");
    let sliding = listed(rig, WindowKind::Sliding(80_000), "user:a");
    let mut lifetime = listed(rig, WindowKind::Lifetime, "user:b:é{}*?");
    lifetime.time_zone = Arc::from("Europe/Madrid");
    let other = rig.account("user:a", 100);
    let over = listed(rig, WindowKind::Second, "user:a");
    rig.enter_next_window(&day).await;
    rig.spend_on(&[(&over, 5), (&other, 5)]).await;
    rig.clock.advance(4_000);
    let receipt = rig
        .granted(&rig.ask(1, &[(&minute, 7), (&sliding, 8)]))
        .await;
    rig.settle(&receipt, &[0, 8]).await;
    rig.granted(&rig.ask(2, &[(&day, 30)])).await;
    rig.spend_on(&[(&day, 12)]).await;
    rig.grant(&lifetime, 9).await;
    let entries = rig.list(&day.budget, 100).await;
    let mut seen: BTreeMap<_, _> = (entries.iter())
        .map(|e| {
            (
                (e.subject.as_str(), e.window.as_str(), e.time_zone.as_str()),
                e,
            )
        })
        .collect();
    let mut expect = |name, figures: (u64, u64, u64), reset_ms: Option<u64>| {
        let entry = seen.remove(&name).expect("listed");
        assert_eq!(
            (entry.settled, entry.held, entry.granted),
            figures,
            "{entry:?}"
        );
        match (entry.reset_ms, reset_ms) {
            (Some(found), Some(expected)) => rig.same_time(found, expected, "listed"),
            (found, expected) => assert_eq!(found, expected, "{entry:?}"),
        }
    };
    let a = |window| ("user:a", window, "UTC");
    expect(a("Day"), (12, 30, 0), Some(86_400_000 - 4_000));
    expect(a("Sliding 1m20s"), (8, 0, 0), Some(84_000));
    let b = ("user:b:é{}*?", "Lifetime", "Europe/Madrid");
    expect(b, (0, 0, 9), None);
    assert!(seen.is_empty(), "{seen:?}");
}

/// Each account is on some page, and no page is longer than asked.
pub async fn list_page_by_page_shows_each_account(rig: &Rig<'_>) {
    let names: Vec<String> = (0..25).map(|n| format!("user:{n:02}")).collect();
    for name in &names {
        rig.spend_on(&[(&listed(rig, WindowKind::Month, name), 1)])
            .await;
    }
    let budget = listed(rig, WindowKind::Month, "").budget;
    for size in [1, 10, 25, 1_000] {
        let mut subjects: Vec<String> = (rig.list(&budget, size).await.into_iter())
            .map(|entry| entry.subject)
            .collect();
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects, names, "pages of {size}");
    }
}

/// Nor does a cursor that is none show anything.
pub async fn list_of_unknown_budget_is_empty(rig: &Rig<'_>) {
    assert_eq!(rig.list("conformance/nothing", 10).await, []);
    let page = rig
        .page("conformance/budget", Some("?".to_owned()), 10)
        .await;
    assert_eq!((page.entries, page.next), (vec![], None));
}
