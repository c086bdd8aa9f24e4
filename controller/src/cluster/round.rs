//! One snapshot worked out: the gateway of each fleet, and what objects are told.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use prometheus::{Histogram, HistogramOpts, IntGauge, Registry};
use tollgate_ir as ir;
use tollgate_kubernetes::apply::SeenFleets;
use tollgate_kubernetes::watch::Snapshot;
use tollgate_link::GatewayIdentity;
use tollgate_translate::{FleetSpec, Memo, Options, Statuses, Translation, World, translate_again};

use crate::problem::Problem;
use crate::reconcile::Report;

/// Seconds; a translation of few objects, and of many thousands.
const BUCKETS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 2.0];

/// What a snapshot comes to.
pub(super) struct Round {
    /// Sorted by their keys.
    pub(super) fleets: Vec<Fleet>,
    pub(super) statuses: Arc<Statuses>,
    pub(super) report: Report,
}

/// A fleet, and what it serves.
pub(super) struct Fleet {
    pub(super) spec: FleetSpec,
    pub(super) identity: GatewayIdentity,
    pub(super) gateway: Arc<ir::Gateway>,
}

// === impl Round ===

impl Round {
    /// Translates a snapshot, off the threads that serve.
    ///
    /// # Errors
    /// When the translation panicked.
    pub(super) async fn work_out(
        memo: &mut Memo,
        snapshot: &Snapshot,
        seen: Arc<SeenFleets>,
        options: &Options,
    ) -> anyhow::Result<Self> {
        let world = Arc::clone(&snapshot.world);
        let options = options.clone();
        let mut known = std::mem::take(memo);
        let work = move || (Self::of(&mut known, &world, &seen, &options), known);
        let worked_out = tokio::task::spawn_blocking(work).await;
        let (round, known) = worked_out.context("the translation of a snapshot has panicked")?;
        *memo = known;
        Ok(round)
    }

    fn of(memo: &mut Memo, world: &World, seen: &SeenFleets, options: &Options) -> Self {
        let mut world = world.clone();
        for (name, state) in seen {
            let mut state = state.clone();
            // A proxy is ready once its Envoy has acknowledged a configuration.
            state.acknowledged = state.ready_replicas > 0;
            world.note_fleet(name.clone(), Some(state));
        }
        let Translation {
            ir,
            statuses,
            fleets,
        } = translate_again(memo, &world, options);
        let mut gateways = ir.gateways;
        let mut problems = Vec::new();
        let mut served = Vec::with_capacity(fleets.len());
        for spec in fleets.into_values() {
            let identity = match tollgate_fleet::identity_of(&spec) {
                Ok(identity) => identity,
                Err(error) => {
                    problems.push(Problem::of_object(spec.key(), error.to_string()));
                    continue;
                }
            };
            let gateway = gateways.remove(&spec.key()).unwrap_or_default();
            served.push(Fleet {
                spec,
                identity,
                gateway: Arc::new(gateway),
            });
        }
        let statuses = Arc::new(statuses);
        let report = Report {
            objects: statuses.len(),
            statuses: Arc::clone(&statuses),
            problems,
        };
        Self {
            fleets: served,
            statuses,
            report,
        }
    }
}

/// What is measured of rounds.
pub(super) struct RoundMetrics {
    seconds: Histogram,
    objects: IntGauge,
    gateways: IntGauge,
}

/// A round that is being worked out.
pub(super) struct Timer<'a> {
    metrics: &'a RoundMetrics,
    begun: Instant,
}

// === impl RoundMetrics ===

impl RoundMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = HistogramOpts::new(
            "tollgate_controller_round_seconds",
            "Time from a snapshot of the cluster to what it comes to",
        );
        let metrics = Self {
            seconds: Histogram::with_opts(seconds.buckets(BUCKETS.to_vec()))?,
            objects: IntGauge::new(
                "tollgate_controller_objects",
                "Objects of the newest snapshot that are told something",
            )?,
            gateways: IntGauge::new(
                "tollgate_controller_fleets",
                "Fleets of proxies that are configured",
            )?,
        };
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.objects.clone()))?;
        registry.register(Box::new(metrics.gateways.clone()))?;
        Ok(metrics)
    }

    pub(super) fn begin(&self) -> Timer<'_> {
        Timer {
            metrics: self,
            begun: Instant::now(),
        }
    }
}

// === impl Timer ===

impl Timer<'_> {
    pub(super) fn observe(self, round: &Round) {
        let RoundMetrics {
            seconds,
            objects,
            gateways,
        } = self.metrics;
        seconds.observe(self.begun.elapsed().as_secs_f64());
        objects.set(i64::try_from(round.report.objects).unwrap_or(i64::MAX));
        gateways.set(i64::try_from(round.fleets.len()).unwrap_or(i64::MAX));
    }
}
