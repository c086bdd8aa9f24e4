//! Deadlines and the breaker.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;
use tollgate_budget::{Store, StoreError};
use tollgate_bundle::OnStoreFailure::Closed;

use super::{Mood, Stage, account, ask, ms};
use crate::BreakerState;

#[tokio::test(start_paused = true)]
async fn decision_on_silent_store_comes_within_the_deadline() {
    let stage = Stage::new();
    stage.store.set(Mood::Deaf);
    let begun = Instant::now();
    let request = ask(1, &account("alice", 10), 1, Closed);
    let decision = stage.ledger.hold(&request).await;
    assert!(
        matches!(decision, Err(StoreError::Unavailable(_))),
        "{decision:?}"
    );
    assert!(
        begun.elapsed() <= Duration::from_millis(21),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(stage.ledger.stats().failures.timeouts, 1);
}

#[tokio::test(start_paused = true)]
async fn store_that_fails_in_a_row_is_asked_no_more() {
    let stage = Stage::new();
    stage.open_breaker().await;
    let stats = stage.ledger.stats();
    assert!(
        matches!(stats.breaker, BreakerState::Open { .. }),
        "{stats:?}"
    );
    assert_eq!((stats.breaker_opened, stats.failures.unavailable), (1, 5));

    stage.store.set(Mood::Deaf);
    let asked = stage.store.asked();
    let begun = Instant::now();
    let requests: Vec<_> = (0..500)
        .map(|id| ask(id, &account("alice", 10), 1, Closed))
        .collect();
    let decisions = join_all(requests.iter().map(|request| stage.ledger.hold(request))).await;
    assert!(decisions.iter().all(Result::is_err));
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits");
    assert!(stage.store.asked() <= asked + 1, "{}", stage.store.asked());
}

#[tokio::test(start_paused = true)]
async fn failures_between_answers_do_not_open_the_breaker() {
    let stage = Stage::new();
    let bob = account("bob", 1_000);
    for id in 0..20 {
        stage
            .store
            .set(if id % 5 == 4 { Mood::Up } else { Mood::Down });
        let _ = stage.ledger.hold(&ask(id, &bob, 1, Closed)).await;
    }
    assert_eq!(stage.ledger.stats().breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn store_that_is_away_is_probed_by_one_at_a_time_and_rarely() {
    let stage = Stage::new();
    stage.open_breaker().await;
    stage.store.set(Mood::Deaf);
    ms(1).await;
    let begun = Instant::now();
    let alice = account("alice", 1_000_000);
    // Every millisecond somebody asks, for ten seconds; every second one does not wait long.
    for id in 0..10_000 {
        let request = ask(id, &alice, 1, Closed);
        let ledger = std::sync::Arc::clone(&stage.ledger);
        tokio::spawn(async move {
            let patience = Duration::from_millis(if id % 2 == 0 { 1 } else { 100 });
            let decision = tokio::time::timeout(patience, ledger.hold(&request));
            assert!(!matches!(decision.await, Ok(Ok(_))));
        });
        ms(1).await;
    }
    let probes = stage.store.asked_since(begun);
    assert!((9..250).contains(&probes.len()), "{} probes", probes.len());
    assert!(
        stage.store.most_under_way() <= 2,
        "{} at once",
        stage.store.most_under_way()
    );
    let longest = probes.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(
        longest.expect("probes") <= Duration::from_millis(1_100),
        "{longest:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn store_that_comes_back_is_asked_within_a_second() {
    let stage = Stage::new();
    stage.open_breaker().await;
    ms(10_000).await;
    stage.store.set(Mood::Up);
    // Nobody calls: the background task finds out.
    ms(1_100).await;
    assert_eq!(stage.ledger.stats().breaker, BreakerState::Closed);
    stage
        .granted(&ask(1, &account("alice", 10), 1, Closed))
        .await;
}

#[tokio::test(start_paused = true)]
async fn store_that_answers_too_late_counts_as_failing() {
    let stage = Stage::new();
    stage.store.set(Mood::Slow(Duration::from_millis(40)));
    let alice = account("alice", 1_000);
    for id in 0..10 {
        assert!(
            stage
                .ledger
                .hold(&ask(id, &alice, 1, Closed))
                .await
                .is_err()
        );
    }
    ms(5_000).await;
    assert!(matches!(
        stage.ledger.stats().breaker,
        BreakerState::Open { .. }
    ));
    // Its holds were recorded all the same; they have been released.
    assert_eq!(stage.standing(&alice), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn probe_whose_caller_went_away_does_not_stop_probing() {
    let stage = Stage::new();
    stage.running.abort();
    stage.open_breaker().await;
    stage.store.set(Mood::Deaf);
    ms(200).await;
    let request = ask(1, &account("alice", 10), 1, Closed);
    let given_up = tokio::time::timeout(Duration::from_millis(1), stage.ledger.hold(&request));
    assert!(given_up.await.is_err(), "it was the probe");
    stage.store.set(Mood::Up);
    ms(100).await;
    stage
        .granted(&ask(2, &account("alice", 10), 1, Closed))
        .await;
    assert_eq!(stage.ledger.stats().breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn store_that_is_known_to_be_away_is_asked_when_it_answers_a_probe() {
    let stage = Stage::new();
    stage.store.set(Mood::Deaf);
    let error = StoreError::Unavailable("connection refused".to_string());
    stage.ledger.distrust(&error);
    let begun = Instant::now();
    let request = ask(1, &account("alice", 10), 1, Closed);
    assert!(stage.ledger.hold(&request).await.is_err());
    assert_eq!((begun.elapsed(), stage.store.asked()), (Duration::ZERO, 0));
    ms(3_000).await;
    assert!(stage.store.asked_for("states") > 1);
    stage.store.set(Mood::Up);
    ms(1_100).await;
    stage.granted(&request).await;
}
