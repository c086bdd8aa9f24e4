//! Which backends are failing: the engine sees every outcome, so it ejects, not Envoy.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;

/// When a backend is ejected, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct HealthPolicy {
    /// Failures in a row that eject.
    pub failures: u32,
    /// First ejection, in milliseconds; doubles with each further one.
    pub ejection_base_ms: u64,
    /// Longest ejection, in milliseconds.
    pub ejection_max_ms: u64,
}

/// Failures of each backend. Only backends that failed lately have an entry, so that the common
/// case takes no lock; the number of entries is bounded by the number of backends.
#[derive(Debug)]
pub struct Health {
    policy: HealthPolicy,
    troubled: AtomicUsize,
    backends: Mutex<HashMap<String, Trouble>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    failures_in_row: u32,
    ejections: u32,
    ejected_until_ms: u64,
    /// After an ejection one request tries the backend; others wait for its outcome until this.
    trial_until_ms: u64,
}

/// A trial that reports no outcome within this time is given up and another may start.
const TRIAL_MS: u64 = 10_000;

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            failures: 3,
            ejection_base_ms: 5_000,
            ejection_max_ms: 60_000,
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new(HealthPolicy::default())
    }
}

// === impl Health ===

impl Health {
    /// Everybody is healthy.
    pub fn new(policy: HealthPolicy) -> Self {
        Self {
            policy,
            troubled: AtomicUsize::new(0),
            backends: Mutex::new(HashMap::new()),
        }
    }

    /// Whether a backend may be chosen now. The first call after an ejection ends takes the
    /// trial: it answers true, and false to others until the trial's outcome is known.
    pub(crate) fn admits(&self, backend: &str, now_ms: u64) -> bool {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let mut backends = self.backends.lock();
        let Some(trouble) = backends.get_mut(backend) else {
            return true;
        };
        if now_ms < trouble.ejected_until_ms || now_ms < trouble.trial_until_ms {
            return false;
        }
        if trouble.ejections > 0 {
            trouble.trial_until_ms = now_ms.saturating_add(TRIAL_MS);
        }
        true
    }

    /// Records that a backend answered as it should.
    pub fn succeeded(&self, backend: &str) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut backends = self.backends.lock();
        backends.remove(backend);
        self.troubled.store(backends.len(), Ordering::Relaxed);
    }

    /// Records that a backend failed. `retry_after_ms` is what the provider asked for, if it did:
    /// it ejects at once, for that long (within the policy's longest ejection).
    pub fn failed(&self, backend: &str, now_ms: u64, retry_after_ms: Option<u64>) {
        let mut backends = self.backends.lock();
        let trouble = backends.entry(backend.to_string()).or_default();
        trouble.failures_in_row = trouble.failures_in_row.saturating_add(1);
        let trial_failed = trouble.trial_until_ms > 0;
        trouble.trial_until_ms = 0;
        if let Some(asked_ms) = retry_after_ms {
            trouble.ejections = trouble.ejections.max(1);
            trouble.ejected_until_ms =
                now_ms.saturating_add(asked_ms.min(self.policy.ejection_max_ms));
        } else if trial_failed || trouble.failures_in_row >= self.policy.failures {
            let doublings = trouble.ejections.min(16);
            let length_ms = self
                .policy
                .ejection_base_ms
                .saturating_mul(1 << doublings)
                .min(self.policy.ejection_max_ms);
            trouble.ejections = trouble.ejections.saturating_add(1);
            trouble.failures_in_row = 0;
            trouble.ejected_until_ms = now_ms.saturating_add(length_ms);
        }
        self.troubled.store(backends.len(), Ordering::Relaxed);
    }

    /// Forgets backends that are no longer configured.
    pub fn retain<'a>(&self, backend_ids: impl Iterator<Item = &'a str>) {
        let mut backends = self.backends.lock();
        if backends.is_empty() {
            return;
        }
        let known: std::collections::HashSet<&str> = backend_ids.collect();
        backends.retain(|id, _| known.contains(id.as_str()));
        self.troubled.store(backends.len(), Ordering::Relaxed);
    }

    /// Backends that are ejected now, sorted.
    pub fn ejected(&self, now_ms: u64) -> Vec<String> {
        let mut ejected: Vec<String> = self
            .backends
            .lock()
            .iter()
            .filter(|(_, trouble)| now_ms < trouble.ejected_until_ms)
            .map(|(id, _)| id.clone())
            .collect();
        ejected.sort_unstable();
        ejected
    }

    /// As [`Health::admits`], without taking the trial.
    pub(crate) fn is_ejected(&self, backend: &str, now_ms: u64) -> bool {
        self.troubled.load(Ordering::Relaxed) > 0
            && self
                .backends
                .lock()
                .get(backend)
                .is_some_and(|trouble| now_ms < trouble.ejected_until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, HealthPolicy};

    fn health() -> Health {
        Health::new(HealthPolicy {
            failures: 2,
            ejection_base_ms: 100,
            ejection_max_ms: 300,
        })
    }

    #[test]
    fn a_backend_is_ejected_after_failures_in_a_row() {
        let health = health();
        health.failed("a", 0, None);
        assert!(health.admits("a", 1));
        health.failed("a", 1, None);
        assert!(!health.admits("a", 2));
        assert!(health.admits("b", 2), "another backend is not affected");
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let health = health();
        health.failed("a", 0, None);
        health.succeeded("a");
        health.failed("a", 1, None);
        assert!(health.admits("a", 2));
    }

    #[test]
    fn after_an_ejection_one_trial_decides() {
        let health = health();
        health.failed("a", 0, None);
        health.failed("a", 0, None);
        assert!(health.admits("a", 100), "the trial");
        assert!(!health.admits("a", 101), "others wait for the trial");
        health.failed("a", 102, None);
        assert!(!health.admits("a", 301), "the second ejection is longer");
        assert!(health.admits("a", 302));
        health.succeeded("a");
        assert!(health.admits("a", 303));
        assert!(health.ejected(303).is_empty());
    }

    #[test]
    fn retry_after_ejects_at_once_within_the_bound() {
        let health = health();
        health.failed("a", 0, Some(10_000));
        assert!(!health.admits("a", 299));
        assert!(health.admits("a", 300));
    }
}
