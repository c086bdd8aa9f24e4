//! Everything that is neither an admission of a call nor its settlement: within a deadline, past
//! the breaker.

use std::time::Duration;

use tollgate_budget::{Spend, SpendOutcome, SpendState, StoreError, StoreFuture};

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
        let now_ms = self.clock.now_ms();
        if let Some(outcome) = self.refused_from_memory(spends, now_ms) {
            return Ok(outcome);
        }
        let outcome = self
            .guarded(self.config.decision_deadline, self.store.spend(spends))
            .await;
        match &outcome {
            Ok(outcome) => {
                for (spend, spent) in spends.iter().zip(&outcome.accounts) {
                    if spend.amount < 0 {
                        self.denied.forget(&spend.account);
                    } else {
                        self.denied
                            .remember_state(&spend.account, &spent.state, now_ms);
                    }
                }
            }
            Err(_) => count(&self.counters.spends_failed),
        }
        outcome
    }

    /// The refusal of spends that are known to find nothing left, all of them: the caller is told
    /// what stands on each account.
    fn refused_from_memory(&self, spends: &[Spend], now_ms: i64) -> Option<SpendOutcome> {
        if spends.is_empty() {
            return None;
        }
        let mut accounts = Vec::with_capacity(spends.len());
        for spend in spends {
            let amount = u64::try_from(spend.amount).ok().filter(|_| !spend.forced)?;
            let (state, _) = self
                .denied
                .find_account(&spend.account, amount.max(1), now_ms)?;
            accounts.push(SpendState { fits: false, state });
        }
        for spend in spends {
            count(&self.counters.denied_from_cache);
            self.counters.denied_on(&spend.account);
        }
        Some(SpendOutcome {
            admitted: false,
            accounts,
        })
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
