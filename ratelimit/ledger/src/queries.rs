//! Everything that is neither an admission of a call nor its settlement: within a deadline, past
//! the breaker.

use std::future::Future;

use tokio::time::{Instant, timeout};
use tollgate_budget::{Spend, SpendOutcome, StoreError};

use crate::{
    ledger::{Ledger, too_late},
    stats::count,
};

// === impl Ledger ===

impl Ledger {
    /// Waits for an answer that no call waits for.
    pub(crate) async fn query<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.guarded(self.config.query_deadline, answer).await
    }

    /// A charge without a hold. It is not idempotent: what the store did not answer is not tried
    /// again.
    pub(crate) async fn spend_now(&self, spends: &[Spend]) -> Result<SpendOutcome, StoreError> {
        let outcome = self
            .guarded(self.config.decision_deadline, self.store.spend(spends))
            .await;
        if outcome.is_err() {
            count(&self.counters.spends_failed);
        }
        outcome
    }

    async fn guarded<T>(
        &self,
        deadline: std::time::Duration,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let pass = self.breaker.admit().inspect_err(|_| {
            count(&self.counters.refused);
        })?;
        let begun = Instant::now();
        let error = match timeout(deadline, answer).await {
            Ok(Ok(value)) => {
                pass.answered_after(begun.elapsed(), self.config.decision_deadline);
                return Ok(value);
            }
            Ok(Err(error @ StoreError::Full { .. })) => {
                pass.answered();
                count(&self.counters.full);
                return Err(error);
            }
            Ok(Err(error)) => {
                count(&self.counters.unavailable);
                error
            }
            Err(_) => {
                count(&self.counters.timeouts);
                too_late(deadline)
            }
        };
        pass.failed(&error.to_string());
        self.wake.notify_one();
        Err(error)
    }
}
