//! Replicas on one store that fails in every way: what was used is charged, once, and the bounds
//! of the modes hold.

use std::{sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::{sleep, timeout};
use tollgate_budget::{HoldOutcome, HoldRequest, Settlement, Store};
use tollgate_bundle::OnStoreFailure::{self, Closed, Leased, Open};

use super::{FlakyStore, Mood, account, ask, clock};
use crate::{Ledger, LedgerConfig};

const REPLICAS: u64 = 3;
const CALLS: u64 = 4_000;
const LIMIT: u64 = 10_000;
const LEASE: u64 = 500;

/// What a call used, where it was served.
async fn call(ledger: Arc<Ledger>, request: HoldRequest, mut random: StdRng) -> u64 {
    // Some callers do not wait for the decision: nothing may be left of their hold.
    if random.random_range(0..20) == 0 {
        let patience = Duration::from_millis(random.random_range(0..5));
        match timeout(patience, ledger.hold(&request)).await {
            Ok(Ok(HoldOutcome::Granted(receipt))) => {
                return settle(&ledger, receipt, 0).await;
            }
            _ => return 0,
        }
    }
    let Ok(HoldOutcome::Granted(receipt)) = ledger.hold(&request).await else {
        return 0;
    };
    sleep(Duration::from_millis(random.random_range(0..2_000))).await;
    let used = random.random_range(0..=receipt.entries[0].held);
    settle(&ledger, receipt, used).await
}

async fn settle(ledger: &Ledger, receipt: tollgate_budget::HoldReceipt, used: u64) -> u64 {
    let charges = vec![used];
    let settlement = Settlement { receipt, charges };
    ledger.settle(&settlement).await.expect("settled or queued");
    used
}

/// Mostly well, else ill in one way or another for a while.
async fn suffer(store: Arc<FlakyStore>, mut random: StdRng) {
    loop {
        store.set(match random.random_range(0..12) {
            0 => Mood::Slow(Duration::from_millis(random.random_range(1..200))),
            1 => Mood::Silent,
            2 => Mood::Deaf,
            3 => Mood::Down,
            4 => Mood::Full,
            _ => Mood::Up,
        });
        sleep(Duration::from_millis(random.random_range(50..1_500))).await;
    }
}

/// Charged and held at the end, and what the callers used.
async fn run(seed: u64, mode: OnStoreFailure) -> (u64, u64, u64) {
    let clock = clock();
    let store = Arc::new(FlakyStore::new(clock.clone()));
    let replicas: Vec<_> = (0..REPLICAS)
        .map(|_| {
            let store = Arc::clone(&store) as Arc<dyn Store>;
            Ledger::new(store, LedgerConfig::default(), clock.clone())
        })
        .collect();
    let running: Vec<_> = replicas
        .iter()
        .cloned()
        .map(|ledger| tokio::spawn(async move { ledger.run().await }))
        .collect();
    let mut random = StdRng::seed_from_u64(seed);
    let suffering = tokio::spawn(suffer(Arc::clone(&store), StdRng::seed_from_u64(seed + 1)));
    let alice = account("alice", LIMIT);
    let mut calls = Vec::new();
    for id in 0..CALLS {
        let request = ask(id, &alice, random.random_range(1..40), mode);
        let ledger = Arc::clone(&replicas[random.random_range(0..replicas.len())]);
        calls.push(tokio::spawn(call(
            ledger,
            request,
            StdRng::seed_from_u64(random.random()),
        )));
        sleep(Duration::from_millis(random.random_range(0..10))).await;
    }
    let mut used = 0;
    for call in calls {
        used += call.await.expect("a call");
    }
    suffering.abort();
    let _ = suffering.await;
    store.set(Mood::Up);
    for ledger in &replicas {
        assert_eq!(ledger.flush(Duration::from_secs(10)).await, 0);
        let stats = ledger.stats();
        assert!(
            stats.failures.timeouts > 0 && stats.settled_late > 0,
            "{stats:?}"
        );
        assert_eq!(
            (stats.lost, stats.queue.releases_dropped),
            (0, 0),
            "{stats:?}"
        );
    }
    running.iter().for_each(tokio::task::JoinHandle::abort);
    let state = store.inner.states_now(&[alice]).remove(0);
    (state.settled, state.held, used)
}

#[tokio::test(start_paused = true)]
async fn closed_budget_on_failing_store_has_no_drift_and_no_overrun() {
    for seed in 0..4 {
        let (charged, held, used) = run(seed, Closed).await;
        assert_eq!((charged, held), (used, 0), "seed {seed}");
        assert!(
            charged > 9_000 && charged <= LIMIT,
            "seed {seed}: {charged}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn open_budget_on_failing_store_has_no_drift() {
    for seed in 10..14 {
        let (charged, held, used) = run(seed, Open).await;
        assert_eq!((charged, held), (used, 0), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn leased_budget_on_failing_store_has_no_drift_and_stays_within_its_bound() {
    for seed in 20..24 {
        let (charged, held, used) = run(seed, Leased(LEASE)).await;
        assert_eq!((charged, held), (used, 0), "seed {seed}");
        assert!(
            charged <= LIMIT + REPLICAS * LEASE,
            "seed {seed}: {charged}"
        );
    }
}
