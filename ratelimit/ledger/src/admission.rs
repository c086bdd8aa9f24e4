//! Admission: memory of spent accounts, breaker, store within its deadline, failure mode.

use tollgate_budget::{HoldOutcome, HoldRequest, StoreError};

use crate::{
    deadline::{Answer, within},
    lease::{self, Local},
    ledger::Ledger,
    stats::count,
};

/// What is asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Hold,
    Raise,
}

/// A hold that the store was asked for and did not answer: whether it stands there is not known,
/// so it is released in the background. A settlement that comes first makes the release void, and
/// none is needed where the request goes on: its own settlement has the same id.
struct Unanswered<'a> {
    ledger: &'a Ledger,
    request: Option<&'a HoldRequest>,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) async fn admit(
        &self,
        request: &HoldRequest,
        admission: Admission,
    ) -> Result<HoldOutcome, StoreError> {
        // A raise is not denied for what its own hold has.
        if admission == Admission::Hold
            && let Some(denial) = self.denied.find(request, self.clock.now_ms())
        {
            count(&self.counters.denied_from_cache);
            self.counters.denied(request, &denial);
            return Ok(HoldOutcome::Denied(denial));
        }
        let pass = match self.breaker.admit() {
            Ok(pass) => pass,
            Err(error) => {
                count(&self.counters.refused);
                return self.without_store(request, admission, error);
            }
        };
        // A raised hold is freed by the settlement of the receipt that the caller has already.
        let mut unanswered = Unanswered {
            ledger: self,
            request: (admission == Admission::Hold).then_some(request),
        };
        let decision = match admission {
            Admission::Hold => self.store.hold(request),
            Admission::Raise => self.store.raise(request),
        };
        let answer = within(self.config.decision_deadline, decision).await;
        let error = match answer {
            Answer::Given(Ok(outcome), _) => {
                pass.answered();
                unanswered.request = None;
                self.note_outcome(request, &outcome, admission);
                return Ok(outcome);
            }
            Answer::Given(Err(error @ StoreError::Full { .. }), _) => {
                pass.answered();
                unanswered.request = None;
                count(&self.counters.full);
                error
            }
            Answer::Given(Err(error), _) => {
                pass.failed(&error.to_string());
                count(&self.counters.unavailable);
                error
            }
            Answer::TooLate(error) => {
                pass.failed(&error.to_string());
                count(&self.counters.timeouts);
                error
            }
        };
        tracing::debug!(%error, "no decision of the budget store");
        *self.suspect.lock() = request.charges.first().map(|charge| charge.account.clone());
        self.wake.notify_one();
        let outcome = self.without_store(request, admission, error);
        if matches!(outcome, Ok(HoldOutcome::Granted(_))) {
            unanswered.request = None;
        }
        outcome
    }

    fn note_outcome(&self, request: &HoldRequest, outcome: &HoldOutcome, admission: Admission) {
        match outcome {
            HoldOutcome::Granted(_) => count(&self.counters.granted),
            HoldOutcome::Denied(denial) => {
                count(&self.counters.denied_by_store);
                self.counters.denied(request, denial);
                if admission == Admission::Hold {
                    self.denied
                        .remember_denial(request, denial, self.clock.now_ms());
                }
            }
        }
    }

    /// Decides here, as the charges' failure modes say.
    fn without_store(
        &self,
        request: &HoldRequest,
        admission: Admission,
        error: StoreError,
    ) -> Result<HoldOutcome, StoreError> {
        let local = self.leases.decide(request, admission, &error);
        let outcome = match local {
            Local::Closed => {
                count(&self.counters.closed);
                return Err(error);
            }
            Local::Decided(outcome) => outcome,
        };
        match &outcome {
            HoldOutcome::Denied(denial) => {
                count(&self.counters.denied_by_lease);
                self.counters.denied(request, denial);
            }
            HoldOutcome::Granted(_) if lease::is_leased(request) => {
                count(&self.counters.granted_leased);
            }
            HoldOutcome::Granted(_) => count(&self.counters.granted_open),
        }
        if let Some(calls) = self.logs.unrecorded.pass() {
            tracing::warn!(%error, calls, "calls are decided without the budget store, as their budgets ask");
        }
        Ok(outcome)
    }
}

// === impl Unanswered ===

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            let release = self.ledger.leases.release_of(request);
            self.ledger.wait_release(release);
        }
    }
}
