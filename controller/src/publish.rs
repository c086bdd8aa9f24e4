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
    current: Desired,
}

/// The ends that a publisher's data planes hold.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) bundles: watch::Receiver<Arc<Bundle>>,
}

// === impl Publisher ===

impl Publisher {
    /// A publisher whose first configuration is there before anybody asks.
    pub(crate) fn new(first: Desired) -> (Self, Outlets) {
        let (snapshots, snapshots_rx) = watch::channel(Arc::new(Snapshot::new(&first.resources)));
        let (bundles, bundles_rx) = watch::channel(Arc::new(first.bundle.clone()));
        let (progress_tx, progress) = watch::channel(Progress::default());
        let publisher = Self {
            snapshots,
            progress,
            bundles,
            current: first,
        };
        let outlets = Outlets {
            snapshots: snapshots_rx,
            progress: progress_tx,
            bundles: bundles_rx,
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
        self.set_bundle(between);
        self.send(&rollout::switch(old, new)).await;
        self.set_bundle(next.bundle.clone());
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

    fn set_bundle(&self, bundle: Bundle) {
        self.bundles.send_if_modified(|current| {
            let changed = **current != bundle;
            if changed {
                *current = Arc::new(bundle);
            }
            changed
        });
    }
}

#[cfg(test)]
mod tests;
