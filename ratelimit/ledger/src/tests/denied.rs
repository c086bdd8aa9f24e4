//! Spent accounts are denied without a round trip, and no longer than they are spent.

use tollgate_budget::{HoldOutcome, Settlement, Spend, Store};
use tollgate_bundle::{OnStoreFailure::Closed, WindowKind};

use super::{Stage, account, ask, ms};

/// An account of 100 with this much settled, and its next hold's id.
async fn spent(stage: &Stage, settled: u64) -> tollgate_budget::Account {
    let alice = account("alice", 100);
    let receipt = stage.granted(&ask(1, &alice, settled, Closed)).await;
    stage.settle(receipt, settled).await;
    alice
}

#[tokio::test(start_paused = true)]
async fn flood_of_denied_calls_costs_no_round_trip() {
    let stage = Stage::new();
    let alice = spent(&stage, 100).await;
    let asked = stage.store.asked();
    for id in 10..1_010 {
        let denial = stage.denied(&ask(id, &alice, 1, Closed)).await;
        assert_eq!(
            (denial.state.settled, denial.state.limit, denial.needed),
            (100, 100, 1)
        );
        assert_eq!(denial.retry_ms, 12 * 3_600_000);
    }
    assert_eq!(stage.store.asked(), asked);
    let stats = stage.ledger.stats();
    assert_eq!(stats.denied_from_cache, 1_000);
    assert_eq!(
        (stats.budgets[0].denied, stats.budgets[0].settled),
        (1_000, 100)
    );
}

#[tokio::test(start_paused = true)]
async fn what_still_fits_is_asked_for() {
    let stage = Stage::new();
    let alice = spent(&stage, 90).await;
    stage.denied(&ask(2, &alice, 20, Closed)).await;
    stage.denied(&ask(3, &alice, 11, Closed)).await;
    assert_eq!(stage.store.asked_for("hold"), 2);
    stage.granted(&ask(4, &alice, 10, Closed)).await;
    assert_eq!(stage.store.asked_for("hold"), 3);
}

#[tokio::test(start_paused = true)]
async fn denial_because_of_holds_is_not_remembered() {
    let stage = Stage::new();
    let alice = account("alice", 100);
    let held = stage.granted(&ask(1, &alice, 100, Closed)).await;
    stage.denied(&ask(2, &alice, 1, Closed)).await;
    stage.settle(held, 10).await;
    stage.granted(&ask(3, &alice, 90, Closed)).await;
}

#[tokio::test(start_paused = true)]
async fn raised_limit_shows_at_once() {
    let stage = Stage::new();
    let mut alice = spent(&stage, 100).await;
    stage.denied(&ask(2, &alice, 1, Closed)).await;
    alice.limit = 101;
    stage.granted(&ask(3, &alice, 1, Closed)).await;
}

#[tokio::test(start_paused = true)]
async fn grant_and_reset_show_at_once_here_and_in_two_seconds_elsewhere() {
    let stage = Stage::new();
    let alice = spent(&stage, 100).await;
    stage.denied(&ask(2, &alice, 1, Closed)).await;
    stage.ledger.grant(&alice, 5).await.expect("granted");
    stage.granted(&ask(3, &alice, 5, Closed)).await;

    let denial = stage.denied(&ask(4, &alice, 6, Closed)).await;
    assert_eq!(denial.state.granted, 5);
    // Another replica's operator; here it is not known.
    stage.store.inner.reset(&alice).await.expect("reset");
    stage.denied(&ask(5, &alice, 6, Closed)).await;
    ms(2_000).await;
    stage.granted(&ask(6, &alice, 6, Closed)).await;
}

#[tokio::test(start_paused = true)]
async fn next_window_is_not_denied() {
    let stage = Stage::new();
    let mut alice = account("alice", 10);
    alice.window = WindowKind::Second;
    let receipt = stage.granted(&ask(1, &alice, 10, Closed)).await;
    stage.settle(receipt, 10).await;
    ms(900).await;
    stage.denied(&ask(2, &alice, 1, Closed)).await;
    ms(100).await;
    stage.granted(&ask(3, &alice, 1, Closed)).await;
}

#[tokio::test(start_paused = true)]
async fn shadow_is_never_denied() {
    let stage = Stage::new();
    let alice = spent(&stage, 100).await;
    stage.denied(&ask(2, &alice, 1, Closed)).await;
    let mut shadow = ask(3, &alice, 1, Closed);
    shadow.charges[0].enforce = false;
    stage.granted(&shadow).await;
}

#[tokio::test(start_paused = true)]
async fn overrun_is_what_was_charged_above_the_limit() {
    let stage = Stage::new();
    let alice = account("alice", 100);
    for (id, charge) in [(1, 60), (2, 55), (3, 20)] {
        let mut request = ask(id, &alice, 10, Closed);
        request.charges[0].enforce = false;
        let receipt = stage.granted(&request).await;
        let charges = vec![charge];
        let settlement = Settlement { receipt, charges };
        stage.ledger.settle(&settlement).await.expect("settled");
        // A second delivery charges nothing; the guard sees a settlement like any other, but the
        // queue is the only one that delivers twice, and it counts once.
    }
    let stats = stage.ledger.stats();
    assert_eq!(stats.overrun, 35);
    assert_eq!(
        (stats.budgets[0].settled, stats.budgets[0].overrun),
        (135, 35)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_from_memory_the_store_denies_too() {
    use rand::{Rng, SeedableRng};
    let stage = Stage::new();
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let windows = [
        WindowKind::Second,
        WindowKind::Day,
        WindowKind::Sliding(2_000),
    ];
    let mut receipts = Vec::new();
    let mut from_memory = 0;
    for id in 0..20_000 {
        let charges = (0..random.random_range(1..=3)).map(|_| {
            let mut pot = account(
                ["a", "b"][random.random_range(0..2)],
                random.random_range(20..60),
            );
            pot.window = windows[random.random_range(0..3)];
            let mut charge = ask(id, &pot, random.random_range(0..30), Closed)
                .charges
                .remove(0);
            charge.enforce = random.random_range(0..4) > 0;
            charge
        });
        let mut request = ask(id, &account("a", 1), 0, Closed);
        request.charges = charges.collect();
        let before = stage.ledger.stats().denied_from_cache;
        match stage.ledger.hold(&request).await.expect("an answer") {
            HoldOutcome::Granted(receipt) => receipts.push(receipt),
            HoldOutcome::Denied(_) if stage.ledger.stats().denied_from_cache > before => {
                from_memory += 1;
                let asked = stage.store.inner.hold_now(&request).expect("an answer");
                assert!(matches!(asked, HoldOutcome::Denied(_)), "{id}: {request:?}");
            }
            HoldOutcome::Denied(_) => {}
        }
        match random.random_range(0..20) {
            0..8 if !receipts.is_empty() => {
                let receipt = receipts.swap_remove(random.random_range(0..receipts.len()));
                stage.settle(receipt, random.random_range(0..20)).await;
            }
            8 => {
                let pot = account("a", 10);
                stage
                    .ledger
                    .grant(&pot, random.random_range(1..9))
                    .await
                    .expect("granted");
            }
            9 => {
                stage.ledger.reset(&account("b", 10)).await.expect("reset");
            }
            10 => ms(random.random_range(1..700)).await,
            _ => {}
        }
    }
    assert!(from_memory > 1_000, "{from_memory}");
}

fn spend(account: &tollgate_budget::Account, amount: i64, forced: bool) -> Vec<Spend> {
    vec![Spend {
        account: account.clone(),
        amount,
        forced,
    }]
}

#[tokio::test(start_paused = true)]
async fn spend_on_spent_account_is_refused_without_round_trip_and_forced_ones_are_made() {
    let stage = Stage::new();
    let alice = account("alice", 10);
    let spent = |amount, forced| {
        let spends = spend(&alice, amount, forced);
        let ledger = std::sync::Arc::clone(&stage.ledger);
        async move { ledger.spend(&spends).await.expect("an answer") }
    };
    assert!(spent(10, false).await.admitted);
    let asked = stage.store.asked_for("spend");
    for amount in [0, 1, 5] {
        let refused = spent(amount, false).await;
        assert!(!refused.admitted && !refused.accounts[0].fits, "{amount}");
        assert_eq!(refused.accounts[0].state.settled, 10);
    }
    assert_eq!(stage.store.asked_for("spend"), asked);
    assert!(spent(3, true).await.admitted);
    // What is given back can be spent at once.
    spent(-8, false).await;
    assert!(spent(5, false).await.admitted);
    assert_eq!(stage.standing(&alice), (10, 0));
}
