//! How much memory subjects take, and that they give it back.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use tollgate_budget::{Spend, Store};
use tollgate_bundle::WindowKind;

use crate::{
    server::Server,
    values::{account, ask, block_on, connected, granted, patient, settle},
};

const SUBJECTS: usize = 1_000_000;
/// Subjects charged with one call.
const BATCH: usize = 100;

#[test]
fn settled_subject_takes_less_than_400_bytes() {
    let server = Server::start();
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        let subject = "user:7d1f9b6e-64b0-4b53-9c0e-4a6fbbd0d0aa";
        for (id, window) in [
            WindowKind::Day,
            WindowKind::Lifetime,
            WindowKind::Sliding(3_600_000),
        ]
        .into_iter()
        .enumerate()
        {
            let account = account(window, subject, 10_000_000);
            let id = u128::try_from(id).expect("few");
            let receipt = granted(&store, &ask(id, &[&account], 70_000)).await;
            settle(&store, &receipt, 68_123).await;
            let key = server.cli(&["--scan", "--pattern", "*:a:*"]);
            let bytes: u64 = server
                .cli(&["MEMORY", "USAGE", &key])
                .parse()
                .expect("bytes");
            assert!(bytes <= 400, "{window:?}: {bytes} bytes");
            server.cli(&["FLUSHALL"]);
        }
    });
}

#[test]
fn million_subjects_expire_without_a_trace() {
    let server = Server::start_with(&["--hz", "100", "--active-expire-effort", "10"]);
    let used = || -> u64 {
        let info = server.cli(&["INFO", "memory"]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|bytes| bytes.trim().parse().ok())
            .expect("bytes")
    };
    block_on(async {
        let store = connected(&server.url(), patient()).await;
        store
            .spend(&[spend_of(SUBJECTS)])
            .await
            .expect("the script is there");
        let before = used();
        let batches = stream::iter((0..SUBJECTS).step_by(BATCH)).map(|first| {
            let store = &store;
            async move {
                let spends: Vec<_> = (first..first + BATCH).map(spend_of).collect();
                store.spend(&spends).await.expect("charged").admitted
            }
        });
        let charged = batches.buffer_unordered(8).filter(|admitted| {
            let admitted = *admitted;
            async move { admitted }
        });
        assert_eq!(charged.count().await, SUBJECTS / BATCH);
        let begun = Instant::now();
        let accounts = || -> u64 { server.cli(&["DBSIZE"]).parse().expect("keys") };
        while accounts() > 10 {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{} keys stay",
                accounts()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Tables shrink a little later.
        while used() > before + 2_000_000 {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{} bytes stay of {before}",
                used()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

fn spend_of(subject: usize) -> Spend {
    Spend {
        account: account(WindowKind::Second, &format!("user:{subject}"), 100),
        amount: 7,
        forced: false,
    }
}
