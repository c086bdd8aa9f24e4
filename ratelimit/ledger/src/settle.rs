//! Settlement: at once where the store answers, else later; lost only where the queue is full.

use tollgate_budget::{AccountState, HoldReceipt, Settlement, StoreError};

use crate::{
    deadline::{Answer, within},
    ledger::Ledger,
    stats::count,
};

/// A settlement whose answer nobody has seen yet. Where it never is (the store failed, or the
/// caller went away), it is delivered in the background; the store charges it once.
struct Unsettled<'a> {
    ledger: &'a Ledger,
    settlement: Option<&'a Settlement>,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) async fn settle_now(
        &self,
        settlement: &Settlement,
    ) -> Result<Vec<AccountState>, StoreError> {
        if settlement.receipt.entries.is_empty() {
            return Ok(Vec::new());
        }
        if !settlement.receipt.recorded {
            self.leases.settle(settlement);
        }
        if self.queue.has(settlement.receipt.id) {
            self.wait(settlement.clone())?;
            return Ok(Vec::new());
        }
        let pass = match self.breaker.admit() {
            Ok(pass) => pass,
            Err(_) => {
                self.wait(settlement.clone())?;
                return Ok(Vec::new());
            }
        };
        let mut unsettled = Unsettled {
            ledger: self,
            settlement: Some(settlement),
        };
        let answer = within(self.config.settle_deadline, self.store.settle(settlement)).await;
        match answer {
            Answer::Given(Ok(states), took) => {
                pass.answered_after(took, self.config.decision_deadline);
                unsettled.settlement = None;
                self.note_settled(settlement, &states);
                return Ok(states);
            }
            Answer::Given(Err(StoreError::Full { .. }), _) => {
                pass.answered();
                count(&self.counters.full);
            }
            Answer::Given(Err(error), _) => {
                pass.failed(&error.to_string());
                count(&self.counters.unavailable);
            }
            Answer::TooLate(error) => {
                pass.failed(&error.to_string());
                count(&self.counters.timeouts);
            }
        }
        unsettled.settlement = None;
        self.wait(settlement.clone())?;
        Ok(Vec::new())
    }

    /// Renews a hold. One that was granted without the store is recorded there by it.
    pub(crate) async fn renew_hold(&self, receipt: &HoldReceipt) -> Result<(), StoreError> {
        if !receipt.recorded {
            self.leases.renew(receipt);
        }
        if receipt.entries.is_empty() {
            return Ok(());
        }
        let renewed = self
            .guarded(self.config.settle_deadline, self.store.renew(receipt))
            .await;
        if let Err(error) = &renewed {
            count(&self.counters.renewals_failed);
            if let Some(holds) = self.logs.renewals.pass() {
                tracing::warn!(%error, holds, "holds were not renewed; those that expire are taken anew by the next renewal");
            }
        }
        renewed
    }

    /// Takes note of an accepted settlement.
    pub(crate) fn note_settled(&self, settlement: &Settlement, states: &[AccountState]) {
        let now_ms = self.clock.now_ms();
        count(&self.counters.settled);
        self.counters.settled_charges(settlement, states, now_ms);
        for (entry, state) in settlement.receipt.entries.iter().zip(states) {
            self.denied.remember_state(&entry.account, state, now_ms);
        }
    }

    /// Puts a settlement on the queue.
    fn wait(&self, settlement: Settlement) -> Result<(), StoreError> {
        match self.queue.push(settlement) {
            Ok(()) => {
                count(&self.counters.queued);
                if let Some(settlements) = self.logs.waiting.pass() {
                    tracing::warn!(
                        settlements,
                        waiting = self.queue.len(),
                        "calls are charged when the budget store answers again"
                    );
                }
                self.wake.notify_one();
                Ok(())
            }
            Err(settlement) => {
                self.lose(&settlement, "the queue of settlements is full");
                Err(StoreError::Full {
                    what: "settlements that wait for it",
                    bound: self.config.queue_settlements_max,
                })
            }
        }
    }

    /// Puts the release of a hold on the queue.
    pub(crate) fn wait_release(&self, release: Settlement) {
        match self.queue.push_release(release) {
            Ok(()) => count(&self.counters.releases_queued),
            Err(_) => count(&self.counters.releases_dropped),
        }
        self.wake.notify_one();
    }

    /// Counts and tells of a charge that nobody will make.
    pub(crate) fn lose(&self, settlement: &Settlement, why: &str) {
        count(&self.counters.lost);
        if let Some(settlements) = self.logs.lost.pass() {
            tracing::error!(
                settlements,
                hold = %settlement.receipt.id,
                charges = ?settlement.charges,
                why,
                "calls were not charged"
            );
        }
    }
}

// === impl Unsettled ===

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if let Some(settlement) = self.settlement {
            // What cannot wait has been counted and told.
            let _ = self.ledger.wait(settlement.clone());
        }
    }
}
