//! What is told of decisions: counters for each limit and for all requests.
//!
//! A decision adds to atomics; OpenTelemetry reads them when somebody asks. So a counter costs a
//! decision nanoseconds, and no value of a descriptor ever becomes a time series.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
use parking_lot::Mutex;

/// Counters of decisions.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    registry: Arc<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    limits: Mutex<BTreeMap<Arc<str>, Arc<Counts>>>,
    requests: Requests,
}

/// What became of the descriptors that met one limit.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    ok: AtomicU64,
    over_limit: AtomicU64,
    shadow_over_limit: AtomicU64,
    quota_over_limit: AtomicU64,
}

/// What became of whole requests.
#[derive(Debug, Default)]
struct Requests {
    ok: AtomicU64,
    over_limit: AtomicU64,
    unmatched: AtomicU64,
    invalid: AtomicU64,
    unconfigured: AtomicU64,
    store_failed: AtomicU64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    OverLimit,
    /// No limit applies: served.
    Unmatched,
    Invalid,
    /// There is no configuration yet.
    Unconfigured,
    StoreFailed,
}

/// What one limit said to a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    OverLimit,
    ShadowOverLimit,
    QuotaOverLimit,
}

// === impl Telemetry ===

impl Telemetry {
    /// Counters that `meter` reads: `tollgate.ratelimit.requests` by outcome, and
    /// `tollgate.ratelimit.decisions` by limit and outcome.
    pub fn new(meter: &Meter) -> Self {
        let telemetry = Self::default();
        let registry = Arc::clone(&telemetry.registry);
        meter
            .u64_observable_counter("tollgate.ratelimit.requests")
            .with_description("Requests to the rate limit service, by outcome.")
            .with_callback(move |observer| registry.requests.observe(observer))
            .build();
        let registry = Arc::clone(&telemetry.registry);
        meter
            .u64_observable_counter("tollgate.ratelimit.decisions")
            .with_description("Decisions of each rate limit, by outcome.")
            .with_callback(move |observer| {
                for (limit, counts) in registry.limits.lock().iter() {
                    counts.observe(limit, observer);
                }
            })
            .build();
        telemetry
    }

    /// The counters of a limit, made where there are none.
    pub(crate) fn counts(&self, limit: &str) -> Arc<Counts> {
        let mut limits = self.registry.limits.lock();
        Arc::clone(limits.entry(Arc::from(limit)).or_default())
    }

    /// Forgets the limits that are not among these.
    pub(crate) fn keep(&self, known: &BTreeSet<&str>) {
        let mut limits = self.registry.limits.lock();
        limits.retain(|limit, _| known.contains(&**limit));
    }

    pub(crate) fn request(&self, outcome: Outcome) {
        let requests = &self.registry.requests;
        let counter = match outcome {
            Outcome::Ok => &requests.ok,
            Outcome::OverLimit => &requests.over_limit,
            Outcome::Unmatched => &requests.unmatched,
            Outcome::Invalid => &requests.invalid,
            Outcome::Unconfigured => &requests.unconfigured,
            Outcome::StoreFailed => &requests.store_failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

// === impl Counts ===

impl Counts {
    pub(crate) fn add(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Ok => &self.ok,
            Verdict::OverLimit => &self.over_limit,
            Verdict::ShadowOverLimit => &self.shadow_over_limit,
            Verdict::QuotaOverLimit => &self.quota_over_limit,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn observe(&self, limit: &Arc<str>, observer: &dyn AsyncInstrument<u64>) {
        for (outcome, counter) in [
            ("ok", &self.ok),
            ("over_limit", &self.over_limit),
            ("shadow_over_limit", &self.shadow_over_limit),
            ("quota_over_limit", &self.quota_over_limit),
        ] {
            let count = counter.load(Ordering::Relaxed);
            if count > 0 {
                let limit = KeyValue::new("limit", Arc::clone(limit));
                observer.observe(count, &[limit, KeyValue::new("outcome", outcome)]);
            }
        }
    }
}

// === impl Requests ===

impl Requests {
    fn observe(&self, observer: &dyn AsyncInstrument<u64>) {
        for (outcome, counter) in [
            ("ok", &self.ok),
            ("over_limit", &self.over_limit),
            ("unmatched", &self.unmatched),
            ("invalid", &self.invalid),
            ("unconfigured", &self.unconfigured),
            ("store_failed", &self.store_failed),
        ] {
            let count = counter.load(Ordering::Relaxed);
            observer.observe(count, &[KeyValue::new("outcome", outcome)]);
        }
    }
}
