//! Puts a configuration into effect, in an order that drops no request.
//!
//! Fed by `effect`; feeds the xDS server and the engine. Envoy and the engine must never name to
//! each other what the other does not have: clusters come before the engine may choose them,
//! scopes before Envoy may ask for them, and both go the other way round.

mod lingering;
mod rollout;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tollgate_bundle::Bundle;
use tollgate_xds::{Progress, Rejection, Resources, Snapshot};

use lingering::Lingering;

/// Longest wait for Envoy's word on a snapshot. Without it the rollout goes on all the same.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);

/// What shall be in effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Desired {
    pub(crate) resources: Resources,
    pub(crate) bundle: Bundle,
}

/// Envoy's word on a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has all of it.
    Accepted,
    /// It keeps what it had of these resources.
    Refused(Rejection),
    /// It is away, or has not answered in time. It will get what was sent last.
    Unanswered,
}

/// Where Envoy and the engine of one gateway get their configuration.
#[derive(Debug)]
pub(crate) struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    progress: watch::Receiver<Progress>,
    bundles: watch::Sender<Arc<Bundle>>,
    served: watch::Receiver<Served>,
    /// What both have, as far as it is known: where Envoy refused resources, those before.
    current: Desired,
    lingering: Lingering,
}

/// The bundle that the engine serves; `None` until it has told for the first time.
pub type Served = Option<Arc<Bundle>>;

/// The ends that Envoy's server and the engine hold.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) bundles: watch::Receiver<Arc<Bundle>>,
    pub(crate) served: watch::Sender<Served>,
}

// === impl Publisher ===

impl Publisher {
    /// A publisher whose first configuration is there before anybody asks.
    pub(crate) fn new(first: Desired) -> (Self, Outlets) {
        let (snapshots, snapshots_rx) = watch::channel(Arc::new(Snapshot::new(&first.resources)));
        let (bundles, bundles_rx) = watch::channel(Arc::new(first.bundle.clone()));
        let (progress_tx, progress) = watch::channel(Progress::default());
        let (served_tx, served) = watch::channel(None);
        let publisher = Self {
            snapshots,
            progress,
            bundles,
            served,
            current: first,
            lingering: Lingering::default(),
        };
        let outlets = Outlets {
            snapshots: snapshots_rx,
            progress: progress_tx,
            bundles: bundles_rx,
            served: served_tx,
        };
        (publisher, outlets)
    }

    /// Version of what Envoy was sent last.
    pub(crate) fn version(&self) -> String {
        self.snapshots.borrow().version().to_string()
    }

    /// How far Envoy is.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Envoy's word on what it was sent last, as far as it has come.
    pub(crate) fn verdict(&self) -> Verdict {
        verdict(&self.progress.borrow(), &self.version())
    }

    /// Brings `next` into effect. What it no longer needs lingers until [`Publisher::retire`].
    /// Where Envoy refuses what `next` adds, nothing is switched over to it.
    ///
    /// Envoy is asked twice only where `next` adds or changes a cluster or what clusters refer to:
    /// routes among clusters that are there take one snapshot.
    pub(crate) async fn publish(&mut self, next: Desired) -> Verdict {
        if self.current == next {
            return match self.verdict() {
                // What was sent last is not what is there.
                Verdict::Refused(_) => self.send(&next.resources).await,
                verdict => verdict,
            };
        }
        if let Some(rejection) = self.add(&next.resources).await {
            return Verdict::Refused(rejection);
        }
        let (old, new) = (&self.current.resources, &next.resources);
        let between = rollout::bundle_union(&self.current.bundle, &next.bundle);
        self.set_bundle(between.clone()).await;
        let verdict = self.send(&rollout::switch(old, new)).await;
        if let Verdict::Refused(rejection) = &verdict {
            let resources = rollout::refused(old, new, rejection);
            self.current = Desired {
                resources,
                bundle: between,
            };
            return verdict;
        }
        self.set_bundle(next.bundle.clone()).await;
        let now = Instant::now();
        self.lingering.leave(old, new, now);
        self.current = next;
        verdict
    }

    /// Adds what `new` adds behind what is there; gives what Envoy refuses of it.
    async fn add(&mut self, new: &Resources) -> Option<Rejection> {
        let old = &self.current.resources;
        let Verdict::Refused(rejection) = self.send(&rollout::additions(old, new)).await else {
            return None;
        };
        if rollout::adds(new, &rejection) {
            let kept = rollout::refused(old, new, &rejection);
            self.current.resources = rollout::additions(old, &kept);
            return Some(rejection);
        }
        // What was there is refused: nobody listened, or an Envoy that came since never had it.
        self.current.resources = rollout::refused(&Resources::default(), old, &rejection);
        None
    }

    /// Takes away what has lingered long enough.
    pub(crate) async fn retire(&mut self) -> Verdict {
        self.lingering.retire(Instant::now());
        self.send(&self.current.resources).await
    }

    /// When something has lingered long enough.
    pub(crate) fn retirement(&self) -> Option<Instant> {
        self.lingering.due()
    }

    /// Hands a snapshot to Envoy, with what lingers behind it, and waits for its word.
    async fn send(&self, resources: &Resources) -> Verdict {
        let resources = self.lingering.beside(resources.clone());
        let snapshot = Arc::new(self.snapshots.borrow().update(&resources));
        let version = snapshot.version().to_string();
        let sent = self.snapshots.send_if_modified(|current| {
            let changed = current.version() != version;
            if changed {
                *current = snapshot;
            }
            changed
        });
        if !sent {
            return self.verdict();
        }
        let answered = |progress: &Progress| {
            // Nobody to wait for: Envoy is being started and will ask for the newest.
            progress.streams == 0 || verdict(progress, &version) != Verdict::Unanswered
        };
        let mut progress = self.progress.clone();
        match timeout(ANSWER_WAIT_MAX, progress.wait_for(answered)).await {
            Ok(Ok(progress)) => verdict(&progress, &version),
            Ok(Err(_)) => Verdict::Unanswered,
            Err(_) => {
                tracing::warn!(version, "envoy has not answered a configuration in time");
                Verdict::Unanswered
            }
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
        let is_served = |served: &Served| {
            let served = served.as_ref();
            served.is_none_or(|served| Arc::ptr_eq(served, &bundle))
        };
        let mut served = self.served.clone();
        if timeout(ANSWER_WAIT_MAX, served.wait_for(is_served))
            .await
            .is_err()
        {
            tracing::warn!("the engine has not taken over a configuration in time");
        }
    }
}

/// Names of the resources that are at fault, as far as Envoy says: it takes listeners and clusters
/// one by one, and names those that it refuses.
pub(crate) fn blamed(rejection: &Rejection) -> Vec<&String> {
    let Rejection { names, error, .. } = rejection;
    let in_words: Vec<&String> = names.iter().filter(|name| error.contains(*name)).collect();
    if in_words.is_empty() {
        return names.iter().collect();
    }
    in_words
}

fn verdict(progress: &Progress, version: &str) -> Verdict {
    match &progress.rejection {
        Some(rejection) if rejection.version == version => Verdict::Refused(rejection.clone()),
        _ if progress.live.as_deref() == Some(version) => Verdict::Accepted,
        _ => Verdict::Unanswered,
    }
}

#[cfg(test)]
mod tests;
