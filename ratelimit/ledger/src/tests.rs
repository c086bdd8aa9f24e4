//! The guard before a store that does what the test says, under tokio's paused time.

mod breaker;
mod conformance;
mod denied;
mod drift;
mod flaky;
mod modes;
mod settling;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tollgate_budget::{
    Account, Charge, Clock, Denial, HoldId, HoldOutcome, HoldReceipt, HoldRequest, Settlement,
    Store,
};
use tollgate_bundle::{OnStoreFailure, WindowKind};

use crate::{Ledger, LedgerConfig};
use flaky::{FlakyStore, Mood};

/// 2026-03-10T12:00:00Z
const NOON_MS: i64 = 1_773_144_000_000;

/// A ledger, its store, and its background task.
struct Stage {
    ledger: Arc<Ledger>,
    store: Arc<FlakyStore>,
    running: tokio::task::JoinHandle<()>,
}

impl Stage {
    fn new() -> Self {
        Self::with(LedgerConfig::default())
    }

    fn with(config: LedgerConfig) -> Self {
        let clock = clock();
        let store = Arc::new(FlakyStore::new(clock.clone()));
        let ledger = Ledger::new(Arc::clone(&store) as Arc<dyn Store>, config, clock);
        let running = tokio::spawn({
            let ledger = Arc::clone(&ledger);
            async move { ledger.run().await }
        });
        Self {
            ledger,
            store,
            running,
        }
    }

    async fn granted(&self, request: &HoldRequest) -> HoldReceipt {
        match self.ledger.hold(request).await {
            Ok(HoldOutcome::Granted(receipt)) => receipt,
            other => panic!("granted expected: {other:?}"),
        }
    }

    async fn denied(&self, request: &HoldRequest) -> Denial {
        match self.ledger.hold(request).await {
            Ok(HoldOutcome::Denied(denial)) => denial,
            other => panic!("denied expected: {other:?}"),
        }
    }

    async fn settle(&self, receipt: HoldReceipt, charge: u64) {
        let charges = vec![charge; receipt.entries.len()];
        self.ledger
            .settle(&Settlement { receipt, charges })
            .await
            .expect("settled or queued");
    }

    /// Settled and held at the store itself.
    fn standing(&self, account: &Account) -> (u64, u64) {
        let state = self
            .store
            .inner
            .states_now(std::slice::from_ref(account))
            .remove(0);
        (state.settled, state.held)
    }

    /// Fails often enough to open the breaker.
    async fn open_breaker(&self) {
        self.store.set(Mood::Down);
        for id in 0..5 {
            let request = ask(
                9_000 + id,
                &account("nobody", 10),
                1,
                OnStoreFailure::Closed,
            );
            assert!(self.ledger.hold(&request).await.is_err());
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Goes with tokio's time.
fn clock() -> Clock {
    let begun = Instant::now();
    Clock::new(move || {
        NOON_MS + i64::try_from(begun.elapsed().as_millis()).expect("a test is short")
    })
}

fn account(subject: &str, limit: u64) -> Account {
    Account {
        budget: Arc::from("default/daily"),
        subject: Arc::from(subject),
        window: WindowKind::Day,
        time_zone: Arc::from("UTC"),
        limit,
    }
}

fn ask(id: u64, account: &Account, amount: u64, on_failure: OnStoreFailure) -> HoldRequest {
    HoldRequest {
        id: HoldId(u128::from(id)),
        charges: vec![Charge {
            account: account.clone(),
            fixed: amount,
            per_output: 0,
            enforce: true,
            on_failure,
        }],
        output_want: 0,
        output_min: 0,
    }
}

async fn ms(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}
