//! What manifests come to: a gateway, and what is said about them.
//!
//! load → translate → merge, all anew from the files each time. Nothing is told backwards but the
//! report.

use std::sync::Arc;

use tokio::sync::watch;
use tollgate_ir as ir;
use tollgate_translate::{Options, Statuses, translate};

use crate::merge::merge_gateways;
use crate::problem::Problem;
use crate::source::folder::{Manifests, load};

/// Looks up the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a gateway is made from.
#[derive(Clone)]
pub struct Inputs {
    /// The manifests.
    pub manifests: Manifests,
    /// What `${NAME}` stands for in them.
    pub environment: Environment,
    /// Settings of the translation.
    pub options: Options,
}

/// What became of the manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Of each object. Shared: there may be thousands, and several who tell of them.
    pub statuses: Arc<Statuses>,
    /// What never became an object, what concerns no single one, and what the data plane refused.
    pub problems: Vec<Problem>,
    /// How many objects were read.
    pub objects: usize,
}

/// A gateway and what was said about it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// All Gateways of the manifests in one.
    pub gateway: ir::Gateway,
    /// What to say once the gateway is in effect.
    pub report: Report,
}

/// Reads the manifests and makes a gateway of them. Blocks on the disk.
pub(crate) fn evaluate(inputs: &Inputs) -> Outcome {
    let Inputs {
        manifests,
        environment,
        options,
    } = inputs;
    let loaded = load(manifests, environment.as_ref());
    let translation = translate(&loaded.world, options);
    let (gateway, conflicts) = merge_gateways(&translation.ir);
    let mut problems = loaded.problems;
    problems.extend(conflicts);
    Outcome {
        gateway,
        report: Report {
            statuses: Arc::new(translation.statuses),
            problems,
            objects: loaded.objects,
        },
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
    for trouble in report.troubles_since(&before) {
        tracing::warn!("{trouble}");
    }
    if report.objects == 0 {
        tracing::warn!("there is no object that tollgate reads: nothing is served");
    }
    reports.send_replace(Arc::new(report));
}

// === impl Report ===

impl Report {
    /// What is wrong with objects and was not said of them before, a line for each.
    fn troubles_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = String> + 'a {
        let changed = self.statuses.since(&before.statuses);
        changed.flat_map(move |(object, status)| {
            let said = before.statuses.of(object);
            let said = said.map(|it| it.troubles(object)).unwrap_or_default();
            let mut troubles = status.troubles(object);
            troubles.retain(|it| !said.contains(it));
            troubles
        })
    }
}
