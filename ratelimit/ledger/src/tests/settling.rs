//! Settlements and releases: nothing lost, nothing twice, everything bounded.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tollgate_budget::{Settlement, Store, StoreError};
use tollgate_bundle::OnStoreFailure::{Closed, Open};

use super::{Mood, Stage, account, ask, ms};
use crate::LedgerConfig;

#[tokio::test(start_paused = true)]
async fn settlements_of_an_outage_arrive_in_order_and_once() {
    let stage = Stage::new();
    let alice = account("alice", 1_000_000);
    let mut receipts = Vec::new();
    for id in 0..200 {
        receipts.push(stage.granted(&ask(id, &alice, 10, Closed)).await);
    }
    stage.open_breaker().await;
    let begun = Instant::now();
    for receipt in receipts {
        stage.settle(receipt, 7).await;
    }
    assert_eq!(
        begun.elapsed(),
        Duration::ZERO,
        "nobody waits for a store that is away"
    );
    assert_eq!(stage.ledger.stats().queue.settlements, 200 + 5);
    ms(10_000).await;
    stage.store.set(Mood::Up);
    ms(1_100).await;
    assert_eq!(stage.standing(&alice), (1_400, 0));
    let settled: Vec<_> = stage
        .store
        .settled()
        .into_iter()
        .filter(|id| *id < 9_000)
        .collect();
    assert_eq!(settled, (0..200).collect::<Vec<u128>>());
    let stats = stage.ledger.stats();
    assert_eq!(
        (
            stats.settled_late,
            stats.queue.settlements,
            stats.queue.bytes
        ),
        (200, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn settlement_that_was_made_but_not_answered_is_charged_once() {
    let stage = Stage::new();
    let alice = account("alice", 100);
    let receipt = stage.granted(&ask(1, &alice, 10, Closed)).await;
    stage.store.set(Mood::Silent);
    let begun = Instant::now();
    stage.settle(receipt, 8).await;
    assert!(
        begun.elapsed() <= Duration::from_millis(51),
        "{:?}",
        begun.elapsed()
    );
    stage.store.set(Mood::Up);
    ms(4_000).await;
    assert_eq!(stage.standing(&alice), (8, 0));
    assert!(stage.store.asked_for("settle") >= 2);
    assert_eq!(stage.ledger.stats().queue.settlements, 0);
}

#[tokio::test(start_paused = true)]
async fn settlement_whose_caller_went_away_is_made() {
    let stage = Stage::new();
    let alice = account("alice", 100);
    let receipt = stage.granted(&ask(1, &alice, 10, Closed)).await;
    stage.store.set(Mood::Deaf);
    let settlement = Settlement {
        receipt,
        charges: vec![9],
    };
    let gone = timeout(Duration::from_millis(1), stage.ledger.settle(&settlement)).await;
    assert!(gone.is_err());
    stage.store.set(Mood::Up);
    ms(100).await;
    assert_eq!(stage.standing(&alice), (9, 0));
}

#[tokio::test(start_paused = true)]
async fn hold_that_nobody_heard_of_is_released() {
    let stage = Stage::new();
    let alice = account("alice", 100);
    stage.store.set(Mood::Silent);
    assert!(
        stage
            .ledger
            .hold(&ask(1, &alice, 60, Closed))
            .await
            .is_err()
    );
    assert_eq!(stage.standing(&alice), (0, 60));
    stage.store.set(Mood::Up);
    // A caller that goes away before the answer leaves no hold either.
    stage.store.set(Mood::Silent);
    let request = ask(2, &alice, 30, Closed);
    let gone = timeout(Duration::from_millis(1), stage.ledger.hold(&request)).await;
    assert!(gone.is_err());
    stage.store.set(Mood::Up);
    ms(2_500).await;
    assert_eq!(stage.standing(&alice), (0, 0));
    let stats = stage.ledger.stats();
    assert_eq!((stats.queue.releases, stats.settled, stats.lost), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn hold_that_is_served_after_all_is_not_released() {
    let stage = Stage::new();
    let alice = account("alice", 100);
    stage.store.set(Mood::Silent);
    let receipt = stage.granted(&ask(1, &alice, 60, Open)).await;
    stage.store.set(Mood::Up);
    ms(1_000).await;
    assert_eq!(stage.standing(&alice), (0, 60));
    stage.settle(receipt, 50).await;
    assert_eq!(stage.standing(&alice), (50, 0));
}

#[tokio::test(start_paused = true)]
async fn settlement_without_room_in_the_queue_is_counted_as_lost() {
    let stage = Stage::with(LedgerConfig {
        queue_settlements_max: 10,
        ..LedgerConfig::default()
    });
    let alice = account("alice", 1_000);
    let mut receipts = Vec::new();
    for id in 0..15 {
        receipts.push(stage.granted(&ask(id, &alice, 10, Closed)).await);
    }
    stage.open_breaker().await;
    // The releases of those that opened the breaker take half of the queue.
    let mut lost = 0;
    for receipt in receipts {
        let settlement = Settlement {
            receipt,
            charges: vec![10],
        };
        match stage.ledger.settle(&settlement).await {
            Ok(states) => assert!(states.is_empty()),
            Err(error) => {
                assert!(
                    matches!(error, StoreError::Full { bound: 10, .. }),
                    "{error:?}"
                );
                lost += 1;
            }
        }
    }
    assert_eq!(lost, 10);
    assert_eq!(stage.ledger.stats().lost, 10);
    stage.store.set(Mood::Up);
    ms(1_500).await;
    assert_eq!(stage.standing(&alice).0, 50);
}

#[tokio::test(start_paused = true)]
async fn queue_is_bounded_by_bytes_too() {
    let stage = Stage::with(LedgerConfig {
        queue_bytes_max: 4_096,
        ..LedgerConfig::default()
    });
    let alice = account(&"a".repeat(1_000), 1_000);
    let mut receipts = Vec::new();
    for id in 0..15 {
        receipts.push(stage.granted(&ask(id, &alice, 10, Closed)).await);
    }
    stage.open_breaker().await;
    for receipt in receipts {
        let charges = vec![1];
        let _ = stage.ledger.settle(&Settlement { receipt, charges }).await;
    }
    let stats = stage.ledger.stats();
    assert!(
        stats.queue.bytes <= 4_096 && stats.queue.bytes > 2_048,
        "{stats:?}"
    );
    assert!(stats.lost >= 10, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn settlement_that_the_store_never_takes_keeps_none_back() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    let mut receipts = Vec::new();
    for id in 0..50 {
        receipts.push(stage.granted(&ask(id, &alice, 10, Closed)).await);
    }
    stage.store.set(Mood::Refuses(0));
    for receipt in receipts {
        stage.settle(receipt, 10).await;
    }
    ms(5_000).await;
    assert_eq!(stage.standing(&alice), (490, 10));
    assert_eq!(stage.ledger.stats().queue.settlements, 1);
    stage.store.set(Mood::Up);
    ms(1_100).await;
    assert_eq!(stage.standing(&alice), (500, 0));
}

#[tokio::test(start_paused = true)]
async fn store_too_slow_for_decisions_still_gets_its_settlements() {
    let stage = Stage::new();
    let alice = account("alice", 10_000);
    let mut receipts = Vec::new();
    for id in 0..300 {
        receipts.push(stage.granted(&ask(id, &alice, 10, Closed)).await);
    }
    stage.store.set(Mood::Slow(Duration::from_secs(1)));
    for receipt in receipts {
        stage.settle(receipt, 10).await;
    }
    ms(20_000).await;
    assert_eq!(stage.standing(&alice), (3_000, 0));
    assert_eq!(stage.ledger.stats().queue.settlements, 0);
    assert!(
        stage
            .ledger
            .hold(&ask(900, &alice, 1, Closed))
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn flush_delivers_what_waits() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    let receipt = stage.granted(&ask(1, &alice, 10, Closed)).await;
    stage.running.abort();
    stage.store.set(Mood::Down);
    stage.settle(receipt, 10).await;
    stage.store.set(Mood::Up);
    assert_eq!(stage.ledger.flush(Duration::from_secs(5)).await, 0);
    assert_eq!(stage.standing(&alice), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn flush_ends_at_its_deadline_and_tells_what_is_lost() {
    let stage = Stage::new();
    let alice = account("alice", 1_000);
    let first = stage.granted(&ask(1, &alice, 10, Closed)).await;
    let second = stage.granted(&ask(2, &alice, 10, Closed)).await;
    stage.running.abort();
    stage.store.set(Mood::Deaf);
    stage.settle(first, 10).await;
    // A release is no loss: the hold expires.
    stage.settle(second, 0).await;
    let begun = Instant::now();
    assert_eq!(stage.ledger.flush(Duration::from_secs(5)).await, 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    let stats = stage.ledger.stats();
    assert_eq!((stats.lost, stats.queue.settlements), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn settlement_of_nothing_held_asks_nobody() {
    let stage = Stage::new();
    let mut request = ask(1, &account("alice", 10), 1, Closed);
    request.charges.clear();
    let receipt = stage.granted(&request).await;
    stage.settle(receipt, 0).await;
    assert_eq!(stage.store.asked_for("settle"), 0);
}

#[tokio::test(start_paused = true)]
async fn second_settlement_does_not_overtake_one_that_waits() {
    let stage = Stage::new();
    stage.running.abort();
    let alice = account("alice", 100);
    let receipt = stage.granted(&ask(1, &alice, 10, Closed)).await;
    stage.store.set(Mood::Down);
    stage.settle(receipt.clone(), 9).await;
    stage.store.set(Mood::Up);
    // Somebody who renewed the hold meanwhile frees it again.
    stage.settle(receipt, 0).await;
    assert_eq!(stage.ledger.stats().queue.settlements, 1);
    assert_eq!(stage.ledger.flush(Duration::from_secs(1)).await, 0);
    assert_eq!(stage.standing(&alice), (9, 0));
}
