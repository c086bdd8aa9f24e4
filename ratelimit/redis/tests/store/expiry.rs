//! Holds of killed gateways, and keys that go by themselves.

use tollgate_budget::{Store, conformance::TestClock};
use tollgate_bundle::WindowKind;

use crate::{
    server::Server,
    values::{Time, account, ask, block_on, connected, granted, settle, standing},
};

#[test]
fn many_forgotten_holds_are_freed_by_the_next_calls() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        let team = account(WindowKind::Day, "team:search", 100_000);
        for id in 0..2_500 {
            let alice = account(WindowKind::Day, &format!("user:{}", id % 50), 100_000);
            granted(&store, &ask(id, &[&alice, &team], 10)).await;
        }
        assert_eq!(standing(&store, &team).await, (0, 25_000));
        time.advance(30_000);
        // A thousand with each call, so that none takes long.
        assert_eq!(standing(&store, &team).await, (0, 15_000));
        assert_eq!(standing(&store, &team).await, (0, 5_000));
        assert_eq!(standing(&store, &team).await, (0, 0));
        // Nothing is left of them.
        assert_eq!(server.cli(&["--scan"]), "tg1:{tollgate}:n");
    });
}

#[test]
fn accounts_with_nothing_on_them_are_not_kept() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        for window in [
            WindowKind::Day,
            WindowKind::Lifetime,
            WindowKind::Sliding(60_000),
        ] {
            let alice = account(window, "user:alice", 100);
            let receipt = granted(&store, &ask(1, &[&alice], 10)).await;
            settle(&store, &receipt, 0).await;
            store.hold(&ask(2, &[&alice], 1_000)).await.expect("denied");
            store.states(&[alice]).await.expect("looked at");
            assert_eq!(server.cli(&["--scan", "--pattern", "*:a:*"]), "");
            server.cli(&["FLUSHALL"]);
        }
    });
}

#[test]
fn keys_expire_after_their_window_and_lifetimes_do_not() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        let minute = account(WindowKind::Minute, "user:alice", 100);
        let lifetime = account(WindowKind::Lifetime, "user:alice", 100);
        let sliding = account(WindowKind::Sliding(10_000), "user:alice", 100);
        let receipt = granted(&store, &ask(1, &[&minute, &lifetime, &sliding], 10)).await;
        let ttl_ms = |window: &str, zone: &str| -> i64 {
            let key = format!("tg1:{{tollgate}}:a:default/daily|{window}|{zone}|user:alice");
            server.cli(&["PTTL", &key]).parse().expect("a number")
        };
        // A live hold on a sliding window counts until it ends, however long that is.
        assert_eq!(ttl_ms("r10000", "UTC"), -1);
        settle(&store, &receipt, 5).await;
        assert!((60_000..=120_000).contains(&ttl_ms("m", "UTC")));
        assert_eq!(ttl_ms("l", "UTC"), -1);
        assert!((1..=22_000).contains(&ttl_ms("r10000", "UTC")));
        let hold = format!("tg1:{{tollgate}}:h:{}", receipt.id);
        let remembered: i64 = server.cli(&["PTTL", &hold]).parse().expect("a number");
        assert!((1..=600_000).contains(&remembered));
        assert_eq!(server.cli(&["ZCARD", "tg1:{tollgate}:x"]), "0");
    });
}

#[test]
fn stores_of_different_prefixes_know_nothing_of_each_other() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let ours = connected(&server.url(), time.options()).await;
        let mut options = time.options();
        options.prefix = "other".to_owned();
        let theirs = connected(&server.url(), options).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        granted(&ours, &ask(1, &[&alice], 60)).await;
        granted(&theirs, &ask(1, &[&alice], 70)).await;
        assert_eq!(standing(&ours, &alice).await, (0, 60));
        assert_eq!(standing(&theirs, &alice).await, (0, 70));
    });
}

#[test]
fn call_that_names_very_many_accounts_is_served_and_one_with_more_refused() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        let accounts: Vec<_> = (0..201)
            .map(|i| account(WindowKind::Sliding(3_600_000), &format!("user:{i}"), i + 10))
            .collect();
        let named: Vec<_> = accounts.iter().collect();
        let receipt = granted(&store, &ask(1, &named[..200], 10)).await;
        store.renew(&receipt).await.expect("renewed");
        settle(&store, &receipt, 7).await;
        assert_eq!(standing(&store, &accounts[199]).await, (7, 0));
        let error = store.hold(&ask(2, &named, 1)).await.expect_err("too many");
        assert!(
            error.to_string().contains("200 accounts in one call"),
            "{error}"
        );
    });
}

#[test]
fn list_of_very_many_accounts_names_each() {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        for first in (0..3_000).step_by(100) {
            let spends: Vec<_> = (first..first + 100)
                .map(|i| tollgate_budget::Spend {
                    account: account(WindowKind::Day, &format!("user:{i}"), 10),
                    amount: 1,
                    forced: false,
                })
                .collect();
            store.spend(&spends).await.expect("charged");
        }
        let mut request = tollgate_budget::PageRequest {
            budget: "default/daily".to_owned(),
            after: None,
            size: 150,
        };
        let mut subjects = std::collections::BTreeSet::new();
        loop {
            let page = store.list(&request).await.expect("listed");
            assert!(page.entries.len() <= 150);
            subjects.extend(page.entries.into_iter().map(|entry| entry.subject));
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        assert_eq!(subjects.len(), 3_000);
    });
}
