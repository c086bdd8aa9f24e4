//! The circuit breaker: after failures in a row nobody waits for the store; one probe at a time
//! finds out when it is back.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tollgate_budget::StoreError;

use crate::stats::BreakerState;

/// First pause before a probe.
const BACKOFF_MIN: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Breaker {
    failures_max: u32,
    backoff_max: Duration,
    is_open: AtomicBool,
    failures: AtomicU32,
    opened: AtomicU64,
    open: Mutex<Option<Open>>,
}

/// What is known while the breaker is open.
#[derive(Debug)]
struct Open {
    since: Instant,
    last_error: String,
    backoff: Duration,
    probe_at: Instant,
    probing: bool,
}

/// The right to ask the store once. Dropping it without a verdict says nothing of the store.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new(failures_max: u32, backoff_max: Duration) -> Self {
        Self {
            failures_max: failures_max.max(1),
            backoff_max,
            is_open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            opened: AtomicU64::new(0),
            open: Mutex::new(None),
        }
    }

    /// A pass; or why there is none. Of those that ask while the breaker is open one gets a pass
    /// when a probe is due.
    pub(crate) fn admit(&self) -> Result<Pass<'_>, StoreError> {
        let pass = |is_probe| Pass {
            breaker: self,
            is_probe,
        };
        if !self.is_open.load(Ordering::Acquire) {
            return Ok(pass(false));
        }
        let mut open = self.open.lock();
        let Some(open) = open.as_mut() else {
            return Ok(pass(false));
        };
        let now = Instant::now();
        if !open.probing && now >= open.probe_at {
            open.probing = true;
            return Ok(pass(true));
        }
        Err(StoreError::Unavailable(format!(
            "not asked, because it has been failing for {} ms: {}",
            now.duration_since(open.since).as_millis(),
            open.last_error
        )))
    }

    /// When the next probe is due; `None` while the breaker is closed.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        if !self.is_open.load(Ordering::Acquire) {
            return None;
        }
        self.open.lock().as_ref().map(|open| open.probe_at)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.open.lock().as_ref() {
            None => BreakerState::Closed,
            Some(open) => BreakerState::Open {
                for_ms: u64::try_from(open.since.elapsed().as_millis()).unwrap_or(u64::MAX),
                last_error: open.last_error.clone(),
            },
        }
    }

    /// How often it opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    fn close(&self) {
        let closed = {
            let mut open = self.open.lock();
            self.failures.store(0, Ordering::Relaxed);
            self.is_open.store(false, Ordering::Release);
            open.take()
        };
        if let Some(open) = closed {
            tracing::info!(
                away_ms = u64::try_from(open.since.elapsed().as_millis()).unwrap_or(u64::MAX),
                "the budget store answers again"
            );
        }
    }

    fn note_failure(&self, error: &str) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= self.failures_max {
            self.open(error);
        }
    }

    /// Asks the store no more until it answers a probe.
    pub(crate) fn open(&self, error: &str) {
        let mut open = self.open.lock();
        if open.is_some() {
            return;
        }
        let now = Instant::now();
        *open = Some(Open {
            since: now,
            last_error: error.to_string(),
            backoff: BACKOFF_MIN,
            probe_at: now + jittered(BACKOFF_MIN),
            probing: false,
        });
        self.is_open.store(true, Ordering::Release);
        drop(open);
        self.opened.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            error,
            "the budget store fails; until it answers a probe, each budget's onStoreFailure decides"
        );
    }

    fn note_failed_probe(&self, error: &str) {
        let mut open = self.open.lock();
        let Some(open) = open.as_mut() else { return };
        open.probing = false;
        open.last_error = error.to_string();
        open.backoff = (open.backoff * 2).min(self.backoff_max);
        open.probe_at = Instant::now() + jittered(open.backoff);
    }
}

// === impl Pass ===

impl Pass<'_> {
    /// The store answered in time.
    pub(crate) fn answered(mut self) {
        if std::mem::take(&mut self.is_probe) {
            self.breaker.close();
        } else if self.breaker.failures.load(Ordering::Relaxed) > 0 && !self.breaker.is_open() {
            self.breaker.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The store answered after this long: too late for a decision says nothing good of it.
    pub(crate) fn answered_after(self, took: Duration, decision_deadline: Duration) {
        if took <= decision_deadline {
            self.answered();
        } else if self.is_probe {
            self.failed(&format!("answers take {} ms", took.as_millis()));
        }
    }

    /// It did not.
    pub(crate) fn failed(mut self, error: &str) {
        if std::mem::take(&mut self.is_probe) {
            self.breaker.note_failed_probe(error);
        } else {
            self.breaker.note_failure(error);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(open) = self.breaker.open.lock().as_mut()
        {
            open.probing = false;
            // Callers that go away must not make probes frequent.
            open.probe_at = Instant::now() + jittered(BACKOFF_MIN);
        }
    }
}

/// Between half of it and all of it, so that replicas that failed together do not come back
/// together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}
