//! The loop: a change of the manifests becomes a configuration in effect.
//!
//! load → translate → merge → build, all rebuilt from the files each time; then `publish` brings
//! it to the data planes. Nothing is told backwards but the report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;
use tollgate_translate::{Options, Statuses, translate};
use tollgate_xds::{BuildOptions, Rejection, build};

use crate::merge::merge_gateways;
use crate::problem::Problem;
use crate::publish::{Desired, Publisher};
use crate::source::folder::{Manifests, load};
use crate::source::watch::FileChanges;

/// How long what is no longer needed is kept: a request under way may still fall back to it.
const LINGER: Duration = Duration::from_secs(30);

/// Looks up the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a configuration is made from.
#[derive(Clone)]
pub struct Inputs {
    /// The manifests.
    pub manifests: Manifests,
    /// What `${NAME}` stands for in them.
    pub environment: Environment,
    /// Settings of the translation.
    pub options: Options,
    /// Settings of the rendering.
    pub build: BuildOptions,
}

/// What became of the manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Of each object.
    pub statuses: Statuses,
    /// What never became an object, what concerns no single one, and what Envoy refused.
    pub problems: Vec<Problem>,
    /// How many objects were read.
    pub objects: usize,
}

// === impl Report ===

impl Report {
    /// What is wrong with objects, a line for each.
    fn troubles(&self) -> impl Iterator<Item = String> {
        self.statuses
            .iter()
            .flat_map(|(object, status)| status.troubles(object))
    }
}

/// A configuration and what was said about it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) desired: Desired,
    pub(crate) report: Report,
}

/// Reads the manifests and makes a configuration of them. Blocks on the disk.
pub(crate) fn evaluate(inputs: &Inputs) -> Outcome {
    let Inputs {
        manifests,
        environment,
        options,
        build: build_options,
    } = inputs;
    let loaded = load(manifests, environment.as_ref());
    let translation = translate(&loaded.world, options);
    let (gateway, conflicts) = merge_gateways(&translation.ir);
    let mut problems = loaded.problems;
    problems.extend(conflicts);
    Outcome {
        desired: Desired {
            resources: build(&gateway, build_options),
            bundle: gateway.bundle(),
        },
        report: Report {
            statuses: translation.statuses,
            problems,
            objects: loaded.objects,
        },
    }
}

/// The loop's state.
pub(crate) struct Reconciler {
    pub(crate) inputs: Inputs,
    /// `None` when the manifests cannot change.
    pub(crate) changes: Option<FileChanges>,
    pub(crate) publisher: Publisher,
    pub(crate) report: watch::Sender<Arc<Report>>,
}

// === impl Reconciler ===

impl Reconciler {
    /// Follows the manifests until it is dropped.
    pub(crate) async fn run(mut self) {
        let mut retire_at = None;
        loop {
            tokio::select! {
                () = changed(&mut self.changes) => {
                    if self.reconcile().await {
                        retire_at = Some(tokio::time::Instant::now() + LINGER);
                    }
                }
                () = until(retire_at) => {
                    retire_at = None;
                    self.publisher.retire().await;
                }
            }
        }
    }

    /// Brings what the manifests say now into effect; whether anything is different.
    async fn reconcile(&mut self) -> bool {
        let started = Instant::now();
        let inputs = self.inputs.clone();
        let Outcome {
            desired,
            mut report,
        } = match tokio::task::spawn_blocking(move || evaluate(&inputs)).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(%error, "the manifests could not be evaluated; what was in effect stays");
                return false;
            }
        };
        let different = !self.publisher.has(&desired);
        if let Some(rejection) = self.publisher.publish(desired).await {
            report.problems.push(refused(&rejection));
        }
        let elapsed_ms = started.elapsed().as_millis();
        tracing::info!(
            objects = report.objects,
            different,
            elapsed_ms,
            "configuration is in effect"
        );
        publish_report(&self.report, report);
        different
    }
}

/// Tells what is new in a report, and keeps it.
pub(crate) fn publish_report(reports: &watch::Sender<Arc<Report>>, report: Report) {
    let before = Arc::clone(&reports.borrow());
    for problem in report
        .problems
        .iter()
        .filter(|problem| !before.problems.contains(problem))
    {
        problem.log();
    }
    let told_before: BTreeSet<String> = before.troubles().collect();
    for trouble in report.troubles() {
        if !told_before.contains(&trouble) {
            tracing::warn!("{trouble}");
        }
    }
    if report.objects == 0 {
        tracing::warn!("there is no object that tollgate reads: nothing is served");
    }
    reports.send_replace(Arc::new(report));
}

/// What Envoy does not accept, such as a port that another process has.
pub(crate) fn refused(rejection: &Rejection) -> Problem {
    let Rejection {
        version: _,
        kind,
        names,
        error,
    } = rejection;
    let object = format!("{kind:?} {}", names.join(", "));
    Problem::of_object(
        object,
        format!("envoy refuses it and keeps what it had: {error}"),
    )
}

async fn changed(changes: &mut Option<FileChanges>) {
    match changes {
        Some(changes) => changes.changed().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
