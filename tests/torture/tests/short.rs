//! The short form of the suite, as part of `cargo test`: all items on Redis with three gateway
//! processes, and those that the memory ledger decides differently. The long form, all items on
//! both, is `make torture`.

use std::path::PathBuf;

use tokio::sync::Mutex;
use tollgate_torture::{Form, PeerConfig, StoreKind, SuiteConfig, TollgateConfig};

/// The binary that `cargo test --workspace` has built beside this test.
fn tollgate() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this test");
    let folder = this.ancestors().nth(2).expect("target/debug");
    let binary = folder.join("tollgate");
    assert!(
        binary.exists(),
        "{} is missing: cargo build -p tollgate",
        binary.display()
    );
    binary
}

/// Two crowds of 500 calls at once would measure this machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Runs these items, or all.
async fn short(store: StoreKind, items: &[u8]) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let report = tollgate_torture::run(SuiteConfig {
        peer: PeerConfig::Tollgate(TollgateConfig { binary: tollgate() }),
        store,
        replicas: 3,
        form: Form::Short,
        items: items.to_vec(),
        requests: None,
        seed: 1,
    })
    .await
    .expect("a report");
    assert_eq!(report.failed(), 0, "\n{}", report.table());
    let count = if items.is_empty() { 20 } else { items.len() };
    assert_eq!(report.passed(), count, "\n{}", report.table());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_fails_with_the_ledger_in_redis() {
    short(StoreKind::Redis, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_fails_with_ledgers_in_memory() {
    short(StoreKind::Memory, &[1, 2, 3, 4, 6, 8, 13, 20]).await;
}
