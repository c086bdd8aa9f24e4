//! Which replica leads: the one that holds a Lease. Only it writes; every replica serves.
//!
//! [`election`] decides (pure), [`lease`] speaks to the API server.

mod election;
mod lease;

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::Cluster;
use crate::metrics::Metrics;

pub use election::Timing;

/// Longest time in which a lease is given back.
const RELEASE_MAX: Duration = Duration::from_secs(3);

/// Which lease, and for whom.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name: `tollgate-controller`.
    pub name: String,
    /// Who we are: unique among replicas, such as the pod's name.
    pub identity: String,
    /// When to renew, when to give up, when to take over.
    pub timing: Timing,
}

/// Whether this replica leads, kept up to date.
#[derive(Debug)]
pub struct Leadership {
    leads: watch::Receiver<bool>,
    /// Asks the task to give the lease back.
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

// === impl Leadership ===

impl Leadership {
    /// Begins to stand for election.
    pub fn campaign(cluster: &Cluster, options: LeaseOptions, metrics: Metrics) -> Self {
        let (leads_tx, leads) = watch::channel(false);
        let (stop, stopped) = oneshot::channel();
        let campaign = lease::Campaign::new(cluster.client(), options, leads_tx, metrics);
        Self {
            leads,
            stop: Some(stop),
            task: tokio::spawn(campaign.run(stopped)),
        }
    }

    /// The only replica, which needs no lease.
    pub fn alone(metrics: &Metrics) -> Self {
        let (leads_tx, leads) = watch::channel(true);
        let (stop, stopped) = oneshot::channel();
        metrics.leader.set(1);
        let task = tokio::spawn(async move {
            // Ends when asked to, or when nobody is left to ask.
            let _ = stopped.await;
            leads_tx.send_replace(false);
        });
        Self {
            leads,
            stop: Some(stop),
            task,
        }
    }

    /// Whether this replica leads.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }

    /// Whether it leads right now.
    pub fn leads(&self) -> bool {
        *self.leads.borrow()
    }

    /// Leads no longer, and gives the lease back so that another may take it at once.
    pub async fn release(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(RELEASE_MAX, &mut self.task).await;
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.task.abort();
    }
}
