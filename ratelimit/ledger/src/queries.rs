//! Everything that is neither an admission of a call nor its settlement: within a deadline, past
//! the breaker.

use std::time::Duration;

use tollgate_budget::{Spend, SpendOutcome, StoreError, StoreFuture};

use crate::{
    deadline::{Answer, within},
    ledger::Ledger,
    stats::count,
};

// === impl Ledger ===

impl Ledger {
    /// Waits for an answer that no call waits for.
    pub(crate) async fn query<T>(&self, answer: StoreFuture<'_, T>) -> Result<T, StoreError> {
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

    pub(crate) async fn guarded<T>(
        &self,
        deadline: Duration,
        answer: StoreFuture<'_, T>,
    ) -> Result<T, StoreError> {
        let pass = self.breaker.admit().inspect_err(|_| {
            count(&self.counters.refused);
        })?;
        let error = match within(deadline, answer).await {
            Answer::Given(Ok(value), took) => {
                pass.answered_after(took, self.config.decision_deadline);
                return Ok(value);
            }
            Answer::Given(Err(error @ StoreError::Full { .. }), _) => {
                pass.answered();
                count(&self.counters.full);
                return Err(error);
            }
            Answer::Given(Err(error), _) => {
                count(&self.counters.unavailable);
                error
            }
            Answer::TooLate(error) => {
                count(&self.counters.timeouts);
                error
            }
        };
        pass.failed(&error.to_string());
        self.wake.notify_one();
        Err(error)
    }
}
