//! The objects of fleets: applied as they are wanted, put back when somebody changes them, taken
//! away when nobody wants them; and what the cluster made of them.
//!
//! [`plan`] and [`observed`] are pure. Only objects that carry our labels are touched.

mod kinds;
mod observed;
mod plan;
mod run;
mod view;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_translate::{FleetState, NamespacedName};

use crate::client::Cluster;
use crate::metrics::Metrics;

pub use kinds::FLEET_KINDS;

/// Label of every object that is applied: which installation it belongs to.
pub const INSTALLATION_LABEL: &str = "gateway.tollgate.dev/installation";

/// Selects the objects of fleets.
const SELECTOR: &str = "app.kubernetes.io/managed-by=tollgate,app.kubernetes.io/component=proxy";

/// Name of the fleet that an object belongs to.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// Whose fleets, and where.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// Value of [`INSTALLATION_LABEL`]: what tells our fleets from those of another controller in
    /// the same cluster. A label value: at most 63 characters.
    pub installation: String,
    /// Namespaces in which fleets may be; empty is all.
    pub namespaces: BTreeSet<String>,
}

/// What there shall be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WantedFleets {
    /// Every object of every fleet, with `apiVersion`, `kind`, `metadata.namespace` and
    /// `metadata.name`. Their labels must name their fleet (`app.kubernetes.io/instance`).
    pub objects: Vec<Value>,
    /// Fleets of which everything that is there stays, wanted or not.
    pub keep: BTreeSet<NamespacedName>,
}

/// What there is, by namespace and name of the fleet. `acknowledged` is never set here.
pub type SeenFleets = BTreeMap<NamespacedName, FleetState>;

/// The applier; it ends when this is dropped.
#[derive(Debug)]
pub struct Applier {
    wanted: watch::Sender<Option<Arc<WantedFleets>>>,
    seen: watch::Receiver<Arc<SeenFleets>>,
    task: JoinHandle<()>,
}

// === impl Applier ===

impl Applier {
    /// Begins. Fleets are observed by every replica; nothing is written before
    /// [`Applier::apply`], nor while `leads` is false.
    pub fn start(
        cluster: &Cluster,
        leads: watch::Receiver<bool>,
        options: FleetOptions,
        metrics: Metrics,
    ) -> Self {
        let (wanted, wanted_rx) = watch::channel(None);
        let (seen_tx, seen) = watch::channel(Arc::default());
        let run = run::Run::new(cluster, options, seen_tx, metrics);
        Self {
            wanted,
            seen,
            task: tokio::spawn(run.run(wanted_rx, leads)),
        }
    }

    /// Makes it so that there are these objects, and no others of ours.
    pub fn apply(&self, wanted: WantedFleets) {
        self.wanted.send_if_modified(|before| {
            if before.as_deref() == Some(&wanted) {
                return false;
            }
            *before = Some(Arc::new(wanted));
            true
        });
    }

    /// What there is.
    pub fn observe(&self) -> watch::Receiver<Arc<SeenFleets>> {
        self.seen.clone()
    }

    /// Whether the applier is alive. It must be, as long as this is.
    pub fn is_alive(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        self.task.abort();
    }
}
