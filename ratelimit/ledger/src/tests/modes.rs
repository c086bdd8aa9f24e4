//! Failure modes: Closed, Open, Leased.

use tollgate_budget::{HoldOutcome, Settlement, Store, StoreError};
use tollgate_bundle::OnStoreFailure::{Closed, Leased, Open};

use super::{Mood, Stage, account, ask, ms};

#[tokio::test(start_paused = true)]
async fn open_budget_is_served_without_bound_and_charged_later() {
    let stage = Stage::new();
    let alice = account("alice", 10);
    stage.store.set(Mood::Down);
    for id in 0..20 {
        let receipt = stage.granted(&ask(id, &alice, 5, Open)).await;
        assert!(!receipt.recorded);
        assert_eq!(receipt.entries[0].account, alice);
        stage.settle(receipt, 3).await;
    }
    assert_eq!(stage.standing(&alice), (0, 0));
    stage.store.set(Mood::Up);
    ms(1_500).await;
    assert_eq!(stage.standing(&alice), (60, 0));
    let stats = stage.ledger.stats();
    assert_eq!(
        (stats.granted_open, stats.settled_late, stats.lost),
        (20, 20, 0)
    );
    assert_eq!(stats.overrun, 50, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn one_enforced_closed_charge_refuses_all() {
    let stage = Stage::new();
    stage.store.set(Mood::Down);
    let mut request = ask(1, &account("alice", 10), 1, Open);
    request
        .charges
        .extend(ask(1, &account("team", 10), 1, Closed).charges);
    let refused = stage.ledger.hold(&request).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    // In shadow mode it only counts.
    request.charges[1].enforce = false;
    assert!(!stage.granted(&request).await.recorded);
    assert_eq!(stage.ledger.stats().refused_closed, 1);
}

#[tokio::test(start_paused = true)]
async fn leased_budget_is_served_up_to_its_lease() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    stage.store.set(Mood::Down);
    let first = stage.granted(&ask(1, &alice, 60, Leased(100))).await;
    assert!(!first.recorded);
    let denial = stage.denied(&ask(2, &alice, 60, Leased(100))).await;
    assert_eq!(
        (denial.tightest, denial.needed, denial.state.limit),
        (0, 60, 100)
    );
    // Another subject has a lease of its own.
    stage
        .granted(&ask(3, &account("bob", 1_000), 60, Leased(100)))
        .await;
    // What was not used goes back to the lease.
    stage.settle(first, 10).await;
    stage.granted(&ask(4, &alice, 90, Leased(100))).await;
    stage.denied(&ask(5, &alice, 1, Leased(100))).await;
    let stats = stage.ledger.stats();
    assert_eq!(
        (stats.granted_leased, stats.denied_by_lease),
        (3, 2),
        "{stats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn lease_counts_over_all_outages_of_a_window_and_never_beyond_the_limit() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    for outage in 0..4_u64 {
        stage.store.set(Mood::Down);
        let request = ask(outage, &alice, 50, Leased(100));
        match stage.ledger.hold(&request).await {
            Ok(HoldOutcome::Granted(receipt)) => {
                assert!(outage < 2, "outage {outage}");
                stage.settle(receipt, 50).await;
            }
            denied => assert!(outage >= 2 && denied.is_ok(), "outage {outage}: {denied:?}"),
        }
        stage.store.set(Mood::Up);
        ms(3_000).await;
    }
    assert_eq!(stage.standing(&alice), (100, 0));
    stage.store.set(Mood::Down);
    stage
        .denied(&ask(9, &account("carol", 30), 31, Leased(100)))
        .await;
}

#[tokio::test(start_paused = true)]
async fn leased_output_is_lowered_to_what_the_lease_has() {
    let stage = Stage::new();
    stage.store.set(Mood::Down);
    let mut request = ask(1, &account("alice", 1_000), 10, Leased(100));
    request.charges[0].per_output = 1;
    (request.output_want, request.output_min) = (500, 16);
    let receipt = stage.granted(&request).await;
    assert_eq!((receipt.output_granted, receipt.entries[0].held), (90, 100));
}

#[tokio::test(start_paused = true)]
async fn lease_of_killed_call_is_free_when_its_hold_expires() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    stage.store.set(Mood::Down);
    let receipt = stage.granted(&ask(1, &alice, 100, Leased(100))).await;
    ms(20_000).await;
    assert!(stage.ledger.renew(&receipt).await.is_err());
    ms(20_000).await;
    stage.denied(&ask(2, &alice, 1, Leased(100))).await;
    ms(15_000).await;
    stage.granted(&ask(3, &alice, 100, Leased(100))).await;
}

#[tokio::test(start_paused = true)]
async fn full_store_is_decided_by_the_mode_and_stays_asked() {
    let stage = Stage::new();
    let alice = account("alice", 10);
    stage.store.set(Mood::Full);
    for id in 0..20 {
        let refused = stage.ledger.hold(&ask(id, &alice, 1, Closed)).await;
        assert!(
            matches!(refused, Err(StoreError::Full { .. })),
            "{refused:?}"
        );
    }
    assert!(!stage.granted(&ask(21, &alice, 1, Open)).await.recorded);
    assert_eq!(stage.ledger.stats().failures.full, 21);
    assert_eq!(stage.store.asked_for("hold"), 21);
}

#[tokio::test(start_paused = true)]
async fn hold_granted_without_the_store_is_recorded_by_its_renewal() {
    let stage = Stage::new();
    let alice = account("alice", 10);
    stage.store.set(Mood::Down);
    let receipt = stage.granted(&ask(1, &alice, 5, Open)).await;
    stage.store.set(Mood::Up);
    ms(1_500).await;
    stage.ledger.renew(&receipt).await.expect("renewed");
    assert_eq!(stage.standing(&alice), (0, 5));
    stage.settle(receipt, 4).await;
    assert_eq!(stage.standing(&alice), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn raise_without_the_store_is_decided_by_the_mode() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    let receipt = stage.granted(&ask(1, &alice, 50, Leased(100))).await;
    assert!(receipt.recorded);
    stage.store.set(Mood::Down);
    let raised = stage.ledger.raise(&ask(1, &alice, 101, Leased(100))).await;
    assert!(matches!(raised, Ok(HoldOutcome::Denied(_))), "{raised:?}");
    let raised = stage.ledger.raise(&ask(1, &alice, 80, Leased(100))).await;
    let Ok(HoldOutcome::Granted(raised)) = raised else {
        panic!("granted expected: {raised:?}");
    };
    stage.store.set(Mood::Up);
    ms(1_500).await;
    let settlement = Settlement {
        receipt: raised,
        charges: vec![70],
    };
    stage.ledger.settle(&settlement).await.expect("settled");
    assert_eq!(stage.standing(&alice), (70, 0));
}
