//! What the guard adds to a decision of the memory store, and what a denial from its memory costs:
//! `cargo bench -p tollgate-ledger`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and stops where it measures nothing"
)]

use std::{sync::Arc, time::Instant};

use tollgate_budget::{
    Account, Bounds, Charge, Clock, HoldId, HoldOutcome, HoldRequest, MemoryStore, Settlement,
    Store,
};
use tollgate_bundle::{OnStoreFailure, WindowKind};
use tollgate_ledger::{Ledger, LedgerConfig};

const CALLS: u64 = 200_000;
const USERS: u64 = 10_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let memory = || Arc::new(MemoryStore::new(Clock::system(), Bounds::default()));
        let bare = memory();
        let alone = measure("hold + settle, the store alone", || calls(&*bare)).await;
        let ledger = Ledger::new(memory(), LedgerConfig::default(), Clock::system());
        let guarded = measure("hold + settle, with the guard", || calls(&*ledger)).await;
        println!("the guard adds {:.2} µs to a call", guarded - alone);

        spend_all(&*ledger).await;
        let denied = measure("denied from memory, 1000 spent users", || denials(&*ledger)).await;
        println!(
            "denials from memory: {:.1} times the rate of admitted calls",
            guarded / denied
        );
    });
}

/// Microseconds of one call.
async fn measure<F: Future<Output = ()>>(what: &str, work: impl Fn() -> F) -> f64 {
    let begun = Instant::now();
    work().await;
    let each = begun.elapsed().as_secs_f64() * 1e6 / CALLS as f64;
    println!("{what}: {each:.2} µs");
    each
}

async fn calls(store: &dyn Store) {
    for n in 0..CALLS {
        let request = request(n, n % USERS, 1 << 40);
        let receipt = match store.hold(&request).await {
            Ok(HoldOutcome::Granted(receipt)) => receipt,
            other => panic!("granted expected: {other:?}"),
        };
        let charges = vec![5; receipt.entries.len()];
        let settlement = Settlement { receipt, charges };
        store.settle(&settlement).await.expect("settled");
    }
}

async fn spend_all(store: &dyn Store) {
    for n in 0..1_000 {
        let mut request = request(CALLS + n, n, 10);
        request
            .charges
            .iter_mut()
            .for_each(|charge| charge.enforce = false);
        let Ok(HoldOutcome::Granted(receipt)) = store.hold(&request).await else {
            panic!("granted expected");
        };
        let charges = vec![10; receipt.entries.len()];
        let settlement = Settlement { receipt, charges };
        store.settle(&settlement).await.expect("settled");
    }
}

async fn denials(store: &dyn Store) {
    for n in 0..CALLS {
        let request = request(2 * CALLS + n, n % 1_000, 10);
        let outcome = store.hold(&request).await;
        assert!(matches!(outcome, Ok(HoldOutcome::Denied(_))));
    }
}

fn request(id: u64, user: u64, limit: u64) -> HoldRequest {
    let subject: Arc<str> = Arc::from(format!("user:default/{user}"));
    let charge = |window| Charge {
        account: Account {
            budget: Arc::from("default/budget"),
            subject: Arc::clone(&subject),
            window,
            time_zone: Arc::from("UTC"),
            limit,
        },
        fixed: 10,
        per_output: 0,
        enforce: true,
        on_failure: OnStoreFailure::Closed,
    };
    HoldRequest {
        id: HoldId(u128::from(id) << 64),
        charges: vec![charge(WindowKind::Day), charge(WindowKind::Month)],
        output_want: 0,
        output_min: 0,
    }
}
