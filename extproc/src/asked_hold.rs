//! A hold that was asked for and not answered yet.

use std::sync::Arc;

use tollgate_budget::{
    AccountState, HoldOutcome, HoldReceipt, HoldRequest, ReceiptEntry, Settlement, Store,
    StoreError,
};

/// Asks the store for a hold. Dropped before the answer (the client went away meanwhile), the
/// hold is freed whether it was recorded or not: nobody else knows of it.
pub(crate) struct AskedHold {
    store: Arc<dyn Store>,
    request: Option<HoldRequest>,
}

// === impl AskedHold ===

impl AskedHold {
    pub(crate) fn new(store: Arc<dyn Store>, request: HoldRequest) -> Self {
        Self {
            store,
            request: Some(request),
        }
    }

    pub(crate) async fn answer(mut self) -> Result<HoldOutcome, StoreError> {
        let outcome = match &self.request {
            Some(request) => self.store.hold(request).await,
            None => Err(StoreError::Unavailable("no hold was asked for".to_string())),
        };
        self.request = None;
        outcome
    }
}

impl Drop for AskedHold {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else {
            return;
        };
        let store = Arc::clone(&self.store);
        // Outside a runtime the process is ending: the store frees the hold when it expires.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let release = release(request);
                if let Err(error) = store.settle(&release).await {
                    let hold = release.receipt.id;
                    tracing::warn!(%error, %hold, "an abandoned hold was not freed: it expires");
                }
            });
        }
    }
}

/// Frees a hold of which only the question is known; should it be recorded after this, the store
/// knows the id as settled.
fn release(request: HoldRequest) -> Settlement {
    let entries: Vec<ReceiptEntry> = request
        .charges
        .into_iter()
        .map(|charge| ReceiptEntry {
            state: AccountState {
                limit: charge.account.limit,
                granted: 0,
                settled: 0,
                held: 0,
                reset_ms: 0,
            },
            account: charge.account,
            window_start_ms: 0,
            held: 0,
        })
        .collect();
    Settlement {
        charges: vec![0; entries.len()],
        receipt: HoldReceipt {
            id: request.id,
            output_granted: 0,
            entries,
            recorded: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tollgate_budget::{Clock, HoldId, MemoryStore, store::memory::Bounds};

    use super::*;

    #[tokio::test]
    async fn hold_that_is_abandoned_before_its_answer_is_freed() {
        let store = Arc::new(MemoryStore::new(Clock::system(), Bounds::default()));
        let account = tollgate_budget::Account {
            budget: "default/daily".into(),
            subject: "shared".into(),
            window: tollgate_bundle::WindowKind::Day,
            time_zone: "UTC".into(),
            limit: 100,
        };
        let request = HoldRequest {
            id: HoldId(1),
            charges: vec![tollgate_budget::Charge {
                account: account.clone(),
                fixed: 60,
                per_output: 0,
                enforce: true,
                on_failure: tollgate_bundle::OnStoreFailure::Closed,
            }],
            output_want: 0,
            output_min: 0,
        };
        let asked = AskedHold::new(Arc::clone(&store) as Arc<dyn Store>, request.clone());
        // The store has recorded it, but its answer never comes.
        store.hold_now(&request).expect("the store answers");
        let answer = async {
            let _asked = asked;
            pending::<()>().await;
        };
        let waited = tokio::time::timeout(Duration::from_millis(1), answer).await;
        assert!(waited.is_err());
        let held = || store.states_now(std::slice::from_ref(&account))[0].held;
        for _ in 0..100 {
            if held() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(held(), 0);
    }
}
