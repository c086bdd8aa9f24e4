//! The short form of the suite, as part of `cargo test`: memory and Redis, three gateway
//! processes. The long form is `make torture`.

use std::path::PathBuf;

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

async fn short(store: StoreKind) {
    let report = tollgate_torture::run(SuiteConfig {
        peer: PeerConfig::Tollgate(TollgateConfig { binary: tollgate() }),
        store,
        replicas: 3,
        form: Form::Short,
        items: Vec::new(),
        seed: 1,
    })
    .await
    .expect("a report");
    assert_eq!(report.failed(), 0, "\n{}", report.table());
    assert_eq!(report.rows.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_fails_with_the_ledger_in_redis() {
    short(StoreKind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_fails_with_ledgers_in_memory() {
    short(StoreKind::Memory).await;
}
