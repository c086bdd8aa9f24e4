//! What the store does while the server does not: nothing waits for long, and all comes back.

use std::time::{Duration, Instant};

use tollgate_budget::{HoldOutcome, Store, StoreError};
use tollgate_bundle::WindowKind;
use tollgate_redis::{RedisOptions, RedisStore};

use crate::{
    server::{Server, free_port},
    values::{
        account, ask, block_on, connected, granted, patient, settle, standing, until_answered,
    },
};

/// A call that fails fast takes less than this, on a busy machine too.
const FAST: Duration = Duration::from_millis(400);

#[test]
fn server_that_comes_late_is_found() {
    let port = free_port();
    block_on(async {
        let url = format!("redis://127.0.0.1:{port}");
        let store = RedisStore::connect(&url, patient()).expect("a url");
        let error = store.ready().await.expect_err("nobody listens");
        assert!(error.to_string().contains(&url), "{error}");
        let alice = [account(WindowKind::Day, "user:alice", 100)];
        let begun = Instant::now();
        let error = store.states(&alice).await.expect_err("nobody listens");
        assert!(matches!(error, StoreError::Unavailable(_)));
        assert!(
            begun.elapsed() < FAST,
            "it failed after {:?}",
            begun.elapsed()
        );
        let folder = tempfile::tempdir().expect("a folder");
        let _server = Server::start_in(folder, crate::server::Listen::Port(port), &[]);
        until_answered(async || store.states(&alice).await).await;
    });
}

#[test]
fn server_killed_and_started_empty_is_found_again_and_late_settles_charge() {
    let mut server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        let receipt = granted(&store, &ask(1, &[&alice], 40)).await;
        server.kill();
        let begun = Instant::now();
        store
            .hold(&ask(2, &[&alice], 1))
            .await
            .expect_err("it is dead");
        assert!(begun.elapsed() < FAST);
        server.start_again();
        let accounts = [alice.clone()];
        let states = until_answered(async || store.states(&accounts).await).await;
        assert_eq!((states[0].settled, states[0].held), (0, 0));
        // The hold was lost; what was used is charged all the same, once.
        settle(&store, &receipt, 30).await;
        settle(&store, &receipt, 30).await;
        assert_eq!(standing(&store, &alice).await, (30, 0));
    });
}

#[test]
fn server_that_hangs_is_given_up_after_the_response_timeout() {
    let server = Server::start();
    block_on(async {
        let options = RedisOptions {
            response_timeout: Duration::from_millis(300),
            ..patient()
        };
        let store = connected(&server.url(), options).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        granted(&store, &ask(1, &[&alice], 1)).await;
        server.signal("-STOP");
        let begun = Instant::now();
        let error = store
            .hold(&ask(2, &[&alice], 1))
            .await
            .expect_err("it hangs");
        let took = begun.elapsed();
        assert!(error.to_string().contains("300 ms"), "{error}");
        assert!((FAST / 2..4 * FAST).contains(&took), "{took:?}");
        // Given up by now, or soon: then calls fail at once.
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            store
                .hold(&ask(3, &[&alice], 1))
                .await
                .expect_err("it hangs");
            if asked.elapsed() < Duration::from_millis(100) {
                break;
            }
            assert!(begun.elapsed() < 10 * FAST, "calls go on waiting");
        }
        server.signal("-CONT");
        let request = ask(4, &[&alice], 1);
        until_answered(async || store.hold(&request).await).await;
    });
}

#[test]
fn flushed_server_goes_on_from_nothing() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        let before = granted(&store, &ask(1, &[&alice], 60)).await;
        server.cli(&["FLUSHALL"]);
        let after = granted(&store, &ask(2, &[&alice], 70)).await;
        assert_eq!(standing(&store, &alice).await, (0, 70));
        // The lost hold frees nothing of the other, and a renewal records it again.
        settle(&store, &before, 10).await;
        assert_eq!(standing(&store, &alice).await, (10, 70));
        server.cli(&["FLUSHALL"]);
        store.renew(&after).await.expect("renewed");
        assert_eq!(standing(&store, &alice).await, (0, 70));
    });
}

#[test]
fn scripts_flushed_are_loaded_again() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        let receipt = granted(&store, &ask(1, &[&alice], 60)).await;
        server.cli(&["SCRIPT", "FLUSH"]);
        settle(&store, &receipt, 10).await;
        granted(&store, &ask(2, &[&alice], 90)).await;
        let outcome = store.hold(&ask(3, &[&alice], 1)).await.expect("answered");
        assert!(matches!(outcome, HoldOutcome::Denied(_)));
    });
}

#[test]
fn one_call_is_one_round_trip() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let accounts: Vec<_> = (0..5)
            .map(|i| account(WindowKind::Day, &format!("user:{i}"), 1_000))
            .collect();
        let named: Vec<_> = accounts.iter().collect();
        let first = granted(&store, &ask(1, &named, 1)).await;
        settle(&store, &first, 1).await;
        server.cli(&["CONFIG", "RESETSTAT"]);
        for id in 2..12 {
            let receipt = granted(&store, &ask(id, &named, 1)).await;
            settle(&store, &receipt, 1).await;
        }
        let stats = server.cli(&["INFO", "commandstats"]);
        assert!(stats.contains("cmdstat_evalsha:calls=20,"), "{stats}");
        assert!(!stats.contains("cmdstat_eval:"), "{stats}");
    });
}

#[test]
fn full_server_refuses_and_records_nothing() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        let receipt = granted(&store, &ask(1, &[&alice], 60)).await;
        server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
        let error = store.hold(&ask(2, &[&alice], 1)).await.expect_err("full");
        assert!(error.to_string().contains("OOM"), "{error}");
        server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
        assert_eq!(standing(&store, &alice).await, (0, 60));
        settle(&store, &receipt, 30).await;
        assert_eq!(standing(&store, &alice).await, (30, 0));
    });
}

#[test]
fn replica_is_not_taken_for_the_server() {
    let master = Server::start_on_port(&[]);
    let port = master.port().to_string();
    let replica = Server::start_on_port(&["--replicaof", "127.0.0.1", &port]);
    block_on(async {
        let store = RedisStore::connect(&replica.url(), patient()).expect("a url");
        let error = store.ready().await.expect_err("a replica");
        assert!(error.to_string().contains("replica"), "{error}");
        replica.cli(&["REPLICAOF", "NO", "ONE"]);
        let request = ask(1, &[&account(WindowKind::Day, "user:alice", 100)], 1);
        until_answered(async || store.hold(&request).await).await;
    });
}
