//! The short form of the suite, as part of `cargo test`: all items on Redis with three gateway
//! processes, and those that the memory ledger decides differently. The long form, all items on
//! both, is `make torture`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::sync::Mutex;
use tollgate_torture::{Form, PeerConfig, StoreKind, SuiteConfig, TollgateConfig};

/// The binary that `cargo test --workspace` has built beside this test.
fn tollgate() -> Result<PathBuf> {
    let this = std::env::current_exe().context("the path of this test")?;
    let folder = this.ancestors().nth(2).context("target/debug")?;
    let binary = folder.join("tollgate");
    ensure!(
        binary.exists(),
        "{} is missing: cargo build -p tollgate",
        binary.display()
    );
    Ok(binary)
}

/// Two crowds of 500 calls at once would measure this machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Runs these items, or all; every one of them must pass.
async fn short(store: StoreKind, items: &[u8]) -> Result<()> {
    let _turn = ONE_AT_A_TIME.lock().await;
    let config = TollgateConfig {
        binary: tollgate()?,
    };
    let report = tollgate_torture::run(SuiteConfig {
        peer: PeerConfig::Tollgate(config),
        store,
        replicas: 3,
        form: Form::Short,
        items: items.to_vec(),
        requests: None,
        seed: 1,
    })
    .await?;
    let count = if items.is_empty() { 20 } else { items.len() };
    assert_eq!(report.passed(), count, "\n{}", report.table());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_items_pass_with_the_ledger_in_redis() -> Result<()> {
    short(StoreKind::Redis, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_one_process_pass_with_ledgers_in_memory() -> Result<()> {
    short(StoreKind::Memory, &[1, 2, 3, 4, 6, 20]).await
}
