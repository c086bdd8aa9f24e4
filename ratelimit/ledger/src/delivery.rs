//! Delivery of settlements that wait, and probes of a store that does not answer.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::time::{sleep, sleep_until, timeout};
use tollgate_budget::{Account, StoreError};
use tollgate_bundle::WindowKind;

use crate::{
    breaker::jittered,
    deadline::{Answer, within},
    ledger::Ledger,
    queue::{Queued, charges_anything},
    stats::count,
};

/// Settlements under way at once, when the store keeps up.
const BATCH_MAX: usize = 32;
/// First pause after a failure.
const BACKOFF_MIN: Duration = Duration::from_millis(50);

/// How fast settlements are delivered: a store that comes back is not flooded.
#[derive(Debug)]
struct Pace {
    batch: usize,
    backoff: Duration,
}

/// What became of one attempt.
enum Attempt {
    Accepted(Duration),
    Full,
    Failed(StoreError),
}

// === impl Ledger ===

impl Ledger {
    /// Delivers what waits and probes a store that does not answer; runs until it is dropped.
    /// Without it settlements that wait are delivered by [`Ledger::flush`] alone.
    pub async fn run(&self) {
        let mut pace = Pace::default();
        loop {
            if self.queue.len() > 0 {
                self.deliver(&mut pace).await;
            } else if let Some(probe_at) = self.breaker.probe_at() {
                tokio::select! {
                    () = sleep_until(probe_at) => self.probe().await,
                    () = self.wake.notified() => {}
                }
            } else {
                self.wake.notified().await;
            }
        }
    }

    /// Delivers what waits, at most for this long. Returns how many charges are lost because they
    /// were not delivered.
    pub async fn flush(&self, within: Duration) -> usize {
        let mut pace = Pace::default();
        let all = async {
            while self.queue.len() > 0 {
                self.deliver(&mut pace).await;
            }
        };
        // What is left after that is counted below.
        let _ = timeout(within, all).await;
        let mut lost = 0;
        for queued in self.queue.first(usize::MAX) {
            if self.queue.remove(&queued) && charges_anything(&queued.settlement) {
                self.lose(
                    &queued.settlement,
                    "the process ends and the store does not answer",
                );
                lost += 1;
            }
        }
        lost
    }

    /// Delivers the first settlements; waits after a failure.
    async fn deliver(&self, pace: &mut Pace) {
        // While the breaker is open the pauses below see to it that the store has its peace. The
        // right to probe is left to those who give it back sooner than a delivery may take.
        let was_open = self.breaker.is_open();
        let pass = (!was_open).then(|| self.breaker.admit().ok()).flatten();
        let batch = self.queue.first(pace.batch);
        let attempts = join_all(batch.iter().map(|queued| self.attempt(queued))).await;
        let mut slowest = Duration::ZERO;
        let mut failed = Vec::new();
        let mut why = None;
        for (queued, attempt) in batch.iter().zip(attempts) {
            match attempt {
                Attempt::Accepted(took) => slowest = slowest.max(took),
                Attempt::Full => failed.push(queued),
                Attempt::Failed(error) => {
                    why = Some(error);
                    failed.push(queued);
                }
            }
        }
        if let Some(pass) = pass {
            match &why {
                Some(error) => pass.failed(&error.to_string()),
                None => pass.answered_after(slowest, self.config.decision_deadline),
            }
        } else if was_open && why.is_none() {
            self.probe().await;
        }
        // One that the store does not take must not keep back those that it would.
        if !self.breaker.is_open() {
            failed.iter().for_each(|queued| self.queue.postpone(queued));
        }
        if failed.is_empty() || failed.len() < batch.len() {
            pace.faster();
            // A store in memory never waits.
            tokio::task::yield_now().await;
        } else {
            sleep(pace.slower(self.config.backoff_max)).await;
        }
    }

    async fn attempt(&self, queued: &Queued) -> Attempt {
        let settlement = &*queued.settlement;
        let deadline = self.config.delivery_deadline;
        match within(deadline, self.store.settle(settlement)).await {
            Answer::Given(Ok(states), took) => {
                // Removed already: somebody else delivered it, and the store charged it once.
                if self.queue.remove(queued) && charges_anything(settlement) {
                    count(&self.counters.settled_late);
                    self.note_settled(settlement, &states);
                }
                Attempt::Accepted(took)
            }
            Answer::Given(Err(StoreError::Full { .. }), _) => {
                count(&self.counters.full);
                Attempt::Full
            }
            Answer::Given(Err(error), _) => {
                count(&self.counters.unavailable);
                Attempt::Failed(error)
            }
            Answer::TooLate(error) => {
                count(&self.counters.timeouts);
                Attempt::Failed(error)
            }
        }
    }

    /// Asks the store something harmless, where no call has asked it meanwhile.
    async fn probe(&self) {
        let Ok(pass) = self.breaker.admit() else {
            // A call is probing.
            sleep(BACKOFF_MIN).await;
            return;
        };
        let account = self.suspect.lock().clone().unwrap_or_else(nobodys_account);
        let deadline = self.config.decision_deadline;
        match within(deadline, self.store.states(std::slice::from_ref(&account))).await {
            Answer::Given(Ok(_) | Err(StoreError::Full { .. }), took) => {
                pass.answered_after(took, deadline);
            }
            Answer::Given(Err(error), _) | Answer::TooLate(error) => {
                pass.failed(&error.to_string());
            }
        }
    }
}

/// An account that nobody has: looking at it changes nothing.
fn nobodys_account() -> Account {
    Account {
        budget: Arc::from("tollgate/probe"),
        subject: Arc::from("probe"),
        window: WindowKind::Lifetime,
        time_zone: Arc::from("UTC"),
        limit: 0,
    }
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch: 1,
            backoff: BACKOFF_MIN,
        }
    }
}

impl Pace {
    fn faster(&mut self) {
        self.batch = (self.batch * 2).min(BATCH_MAX);
        self.backoff = BACKOFF_MIN;
    }

    /// How long to wait now.
    fn slower(&mut self, backoff_max: Duration) -> Duration {
        self.batch = 1;
        let pause = self.backoff.min(backoff_max);
        self.backoff = (pause * 2).min(backoff_max);
        jittered(pause)
    }
}
