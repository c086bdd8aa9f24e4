//! Puts a configuration into effect, in an order that drops no request.
//!
//! Fed by `reconcile`; feeds the xDS server and the data plane. Envoy and the engine must never
//! name to each other what the other does not have: clusters come before the engine may choose
//! them, scopes before Envoy may ask for them, and both go the other way round.

mod rollout;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tollgate_bundle::Bundle;
use tollgate_xds::{Progress, Rejection, Resources, Snapshot};

/// Longest wait for Envoy's word on a snapshot. Without it the rollout goes on all the same.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);

/// What shall be in effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Desired {
    pub(crate) resources: Resources,
    pub(crate) bundle: Bundle,
}

/// The two data planes of one gateway: Envoy and the engine.
#[derive(Debug)]
pub(crate) struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    progress: watch::Receiver<Progress>,
    bundles: watch::Sender<Arc<Bundle>>,
    applied: watch::Receiver<Applied>,
    current: Desired,
}

/// The bundle that the engine serves; `None` until it has told for the first time.
pub type Applied = Option<Arc<Bundle>>;

/// The ends that a publisher's data planes hold.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) bundles: watch::Receiver<Arc<Bundle>>,
    pub(crate) applied: watch::Sender<Applied>,
}

// === impl Publisher ===

impl Publisher {
    /// A publisher whose first configuration is there before anybody asks.
    pub(crate) fn new(first: Desired) -> (Self, Outlets) {
        let (snapshots, snapshots_rx) = watch::channel(Arc::new(Snapshot::new(&first.resources)));
        let (bundles, bundles_rx) = watch::channel(Arc::new(first.bundle.clone()));
        let (progress_tx, progress) = watch::channel(Progress::default());
        let (applied_tx, applied) = watch::channel(None);
        let publisher = Self {
            snapshots,
            progress,
            bundles,
            applied,
            current: first,
        };
        let outlets = Outlets {
            snapshots: snapshots_rx,
            progress: progress_tx,
            bundles: bundles_rx,
            applied: applied_tx,
        };
        (publisher, outlets)
    }

    /// Whether this is in effect already.
    pub(crate) fn has(&self, desired: &Desired) -> bool {
        self.current == *desired
    }

    /// Brings `next` into effect; gives what Envoy refused of it. What it no longer needs stays
    /// until [`Publisher::retire`].
    pub(crate) async fn publish(&mut self, next: Desired) -> Option<Rejection> {
        if self.has(&next) {
            return self.refusal();
        }
        let (old, new) = (&self.current.resources, &next.resources);
        self.send(&rollout::additions(old, new)).await;
        let between = rollout::bundle_union(&self.current.bundle, &next.bundle);
        self.set_bundle(between).await;
        self.send(&rollout::switch(old, new)).await;
        self.set_bundle(next.bundle.clone()).await;
        self.current = next;
        self.refusal()
    }

    /// Takes away what the configuration in effect does not need.
    pub(crate) async fn retire(&self) {
        self.send(&self.current.resources).await;
    }

    /// What Envoy refuses of what it was sent last.
    fn refusal(&self) -> Option<Rejection> {
        let version = self.snapshots.borrow().version().to_string();
        let rejection = self.progress.borrow().rejection.clone();
        rejection.filter(|rejection| rejection.version == version)
    }

    /// Hands a snapshot to Envoy and waits for its word.
    async fn send(&self, resources: &Resources) {
        let snapshot = Arc::new(Snapshot::new(resources));
        let version = snapshot.version().to_string();
        let sent = self.snapshots.send_if_modified(|current| {
            let changed = current.version() != version;
            if changed {
                *current = snapshot;
            }
            changed
        });
        if !sent {
            return;
        }
        let answered = |progress: &Progress| {
            let rejection = progress.rejection.as_ref();
            // Nobody to wait for: Envoy is being started and will ask for the newest.
            progress.streams == 0
                || progress.live.as_deref() == Some(version.as_str())
                || rejection.is_some_and(|rejection| rejection.version == version)
        };
        let mut progress = self.progress.clone();
        if timeout(ANSWER_WAIT_MAX, progress.wait_for(answered))
            .await
            .is_err()
        {
            tracing::warn!(version, "envoy has not answered a configuration in time");
        }
    }

    /// Hands a bundle to the engine and waits until calls that come in are served by it: nothing
    /// may be reported as enforced before.
    async fn set_bundle(&self, bundle: Bundle) {
        let bundle = Arc::new(bundle);
        let sent = self.bundles.send_if_modified(|current| {
            let changed = **current != *bundle;
            if changed {
                *current = Arc::clone(&bundle);
            }
            changed
        });
        if !sent {
            return;
        }
        let is_applied = |applied: &Applied| {
            let applied = applied.as_ref();
            applied.is_none_or(|applied| Arc::ptr_eq(applied, &bundle))
        };
        let mut applied = self.applied.clone();
        if timeout(ANSWER_WAIT_MAX, applied.wait_for(is_applied))
            .await
            .is_err()
        {
            tracing::warn!("the engine has not taken over a configuration in time");
        }
    }
}

#[cfg(test)]
mod tests;
