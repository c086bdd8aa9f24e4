//! The server's clock decides, whatever the gateways' clocks show.

use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_budget::{Clock, Store};
use tollgate_bundle::WindowKind;
use tollgate_redis::RedisOptions;

use tollgate_budget::conformance::TestClock;

use crate::{
    server::Server,
    values::{Time, account, ask, block_on, connected, granted, patient, settle, standing},
};

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_millis()).expect("not so late")
}

fn skewed(by_ms: i64) -> RedisOptions {
    RedisOptions {
        local_clock: Clock::new(move || now_ms() + by_ms),
        ..patient()
    }
}

const DAY_MS: i64 = 86_400_000;

#[test]
fn gateways_with_wrong_clocks_agree_on_the_window() {
    let server = Server::start();
    block_on(async {
        let months: Vec<i64> = vec![0, 30_000, -30_000, 400 * DAY_MS, -400 * DAY_MS];
        let alice = account(WindowKind::Year, "user:alice", 100);
        for (id, by_ms) in months.iter().enumerate() {
            let store = connected(&server.url(), skewed(*by_ms)).await;
            let id = u128::try_from(id).expect("few");
            let receipt = granted(&store, &ask(id, &[&alice], 20)).await;
            let start_ms = receipt.entries[0].window_start_ms;
            assert!(start_ms <= now_ms() && now_ms() - start_ms < 367 * DAY_MS);
            settle(&store, &receipt, 10).await;
        }
        let store = connected(&server.url(), skewed(90 * DAY_MS)).await;
        assert_eq!(standing(&store, &alice).await, (50, 0));
    });
}

#[test]
fn wrong_clock_costs_one_more_round_trip_once() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), skewed(-5 * DAY_MS)).await;
        let alice = account(WindowKind::Hour, "user:alice", 1_000);
        granted(&store, &ask(0, &[&alice], 1)).await;
        server.cli(&["CONFIG", "RESETSTAT"]);
        for id in 1..11 {
            granted(&store, &ask(id, &[&alice], 1)).await;
        }
        let stats = server.cli(&["INFO", "commandstats"]);
        // Eleven where an hour ends just now.
        let once = ["cmdstat_evalsha:calls=10,", "cmdstat_evalsha:calls=11,"];
        assert!(once.iter().any(|calls| stats.contains(calls)), "{stats}");
    });
}

#[test]
fn short_windows_follow_the_server() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let alice = account(WindowKind::Second, "user:alice", 10);
        let begun = std::time::Instant::now();
        let mut starts = std::collections::BTreeSet::new();
        for id in 0.. {
            let outcome = store.hold(&ask(id, &[&alice], 10)).await.expect("answered");
            if let tollgate_budget::HoldOutcome::Granted(receipt) = outcome {
                settle(&store, &receipt, 10).await;
                let fresh = starts.insert(receipt.entries[0].window_start_ms);
                assert!(fresh, "a window is spent once");
            }
            if starts.len() == 3 {
                break;
            }
            assert!(begun.elapsed().as_secs() < 20, "seconds do not pass");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let starts: Vec<i64> = starts.into_iter().collect();
        assert!(starts.iter().all(|start_ms| start_ms % 1_000 == 0));
    });
}

/// A settlement whose answer was lost when the server went away is delivered again when it is back.
#[test]
fn settlement_is_remembered_longer_than_an_outage() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        let alice = account(WindowKind::Month, "user:alice", 100);
        let receipt = granted(&store, &ask(1, &[&alice], 20)).await;
        settle(&store, &receipt, 12).await;
        time.advance(9 * 60_000);
        settle(&store, &receipt, 12).await;
        assert_eq!(standing(&store, &alice).await, (12, 0));
    });
}
