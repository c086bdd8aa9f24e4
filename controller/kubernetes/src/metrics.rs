//! What this crate counts, for Prometheus.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Seconds; a call to an API server.
const CALL_BUCKETS: [f64; 10] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The counters. Copies count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Objects held, by group, kind and namespace watched.
    pub(crate) objects: IntGaugeVec,
    /// Objects that cannot be used.
    pub(crate) broken: IntGauge,
    /// 1 while changes of a kind may be missed, else 0.
    pub(crate) stale: IntGaugeVec,
    /// Errors of watches, by kind.
    pub(crate) watch_errors: IntCounterVec,
    /// Snapshots handed on.
    pub(crate) snapshots: IntCounter,
    /// 1 while this replica leads.
    pub(crate) leader: IntGauge,
    /// Status writes, by kind and result.
    pub(crate) status_writes: IntCounterVec,
    /// How long a status write takes.
    pub(crate) status_seconds: Histogram,
    /// Statuses that wait to be written.
    pub(crate) status_waiting: IntGauge,
    /// Events, by result.
    pub(crate) events: IntCounterVec,
    /// Writes of fleets' objects, by kind and result.
    pub(crate) applies: IntCounterVec,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the counters.
    ///
    /// # Errors
    /// When the registry has some of these names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauges = |name, help, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counters = |name, help, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let snapshots = IntCounter::new(
            "tollgate_kubernetes_snapshots_total",
            "Snapshots of the cluster that were handed on",
        )?;
        registry.register(Box::new(snapshots.clone()))?;
        let opts = HistogramOpts::new(
            "tollgate_kubernetes_status_write_seconds",
            "Time of a status write",
        );
        let status_seconds = Histogram::with_opts(opts.buckets(CALL_BUCKETS.to_vec()))?;
        registry.register(Box::new(status_seconds.clone()))?;
        Ok(Self {
            objects: gauges(
                "tollgate_kubernetes_objects",
                "Objects held, by the namespace that is watched; empty is all",
                &["group", "kind", "namespace"],
            )?,
            broken: gauge(
                "tollgate_kubernetes_objects_broken",
                "Objects that cannot be used",
            )?,
            stale: gauges(
                "tollgate_kubernetes_watch_stale",
                "1 while changes of a kind may be missed, by the namespace that is watched",
                &["kind", "namespace"],
            )?,
            watch_errors: counters(
                "tollgate_kubernetes_watch_errors_total",
                "Errors of watches",
                &["kind"],
            )?,
            snapshots,
            leader: gauge("tollgate_leader", "1 while this replica leads")?,
            status_writes: counters(
                "tollgate_kubernetes_status_writes_total",
                "Status writes: written, unchanged after a conflict, gone, failed",
                &["kind", "result"],
            )?,
            status_seconds,
            status_waiting: gauge(
                "tollgate_kubernetes_statuses_waiting",
                "Statuses that wait to be compared or written",
            )?,
            events: counters(
                "tollgate_kubernetes_events_total",
                "Events on objects: written, failed, dropped",
                &["result"],
            )?,
            applies: counters(
                "tollgate_kubernetes_fleet_writes_total",
                "Writes of fleets' objects: applied, deleted, failed",
                &["kind", "result"],
            )?,
        })
    }
}
