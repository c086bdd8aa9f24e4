//! Takes in what the watches report and hands on snapshots: a change that comes alone at once,
//! those of a burst soon after the last, and at least once in a while during one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate_translate::World;

use super::index::Index;
use super::kind_watch::Report;
use super::stored::StoredObjects;
use super::supervisor::{Supervisor, describe};
use super::{BrokenObject, Scope, WatchId};
use crate::client::Cluster;
use crate::metrics::Metrics;

/// A burst of changes is over after this long without one.
const QUIET: Duration = Duration::from_millis(5);

/// A snapshot is handed on this long after the first change at the latest.
const LATEST: Duration = Duration::from_millis(50);

/// Reports that wait to be taken in; watches wait beyond that.
const REPORTS_MAX: usize = 256;

/// How often the log says what a start waits for.
const WAITING_LOG: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    /// The namespaces.
    pub scope: Scope,
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Every object that can be used.
    pub world: Arc<World>,
    /// Every object that cannot, by name.
    pub broken: Arc<Vec<BrokenObject>>,
}

/// Snapshots, as they come. Watching ends when this is dropped.
#[derive(Debug)]
pub struct Snapshots {
    newest: watch::Receiver<Option<Snapshot>>,
    waiting: watch::Receiver<Vec<String>>,
    stored: Arc<StoredObjects>,
    tasks: [JoinHandle<()>; 2],
}

/// The watches have ended, which they never should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the watches of the cluster have ended")]
pub struct WatchesEnded;

// === impl Snapshots ===

impl Snapshots {
    pub(crate) fn start(cluster: &Cluster, options: WatchOptions, metrics: Metrics) -> Self {
        let (report_tx, report_rx) = mpsc::channel(REPORTS_MAX);
        let (newest_tx, newest) = watch::channel(None);
        let (waiting_tx, waiting) = watch::channel(vec!["what is served".to_string()]);
        let stored = Arc::new(StoredObjects::default());
        let supervisor = Supervisor {
            cluster: cluster.clone(),
            scope: options.scope.clone(),
            reports: report_tx,
            metrics: metrics.clone(),
        };
        let follower = Follower {
            index: Index::new(options.scope, Arc::clone(&stored)),
            newest: newest_tx,
            waiting: waiting_tx,
            metrics,
        };
        Self {
            newest,
            waiting,
            stored,
            tasks: [
                tokio::spawn(supervisor.run()),
                tokio::spawn(follower.run(report_rx)),
            ],
        }
    }

    /// The next snapshot that is another one than the last; snapshots in between are passed over.
    /// The first comes when every kind that is served was listed.
    ///
    /// # Errors
    /// When the watches have ended.
    pub async fn next(&mut self) -> Result<Snapshot, WatchesEnded> {
        loop {
            self.newest.changed().await.map_err(|_| WatchesEnded)?;
            if let Some(snapshot) = self.newest.borrow_and_update().clone() {
                return Ok(snapshot);
            }
        }
    }

    /// What the first snapshot waits for; empty when there was one.
    pub fn waiting_for(&self) -> Vec<String> {
        self.waiting.borrow().clone()
    }

    /// What the API server holds of the objects that statuses are written to.
    pub(crate) fn stored(&self) -> Arc<StoredObjects> {
        Arc::clone(&self.stored)
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The task that owns the index.
struct Follower {
    index: Index,
    newest: watch::Sender<Option<Snapshot>>,
    waiting: watch::Sender<Vec<String>>,
    metrics: Metrics,
}

// === impl Follower ===

impl Follower {
    async fn run(mut self, mut reports: mpsc::Receiver<Report>) {
        self.start(&mut reports).await;
        let mut due: Option<Due> = Some(Due::new(Instant::now(), None));
        let mut handed_on = None;
        loop {
            let report = match due {
                None => reports.recv().await,
                Some(open) => match tokio::time::timeout_at(open.at(), reports.recv()).await {
                    Ok(report) => report,
                    Err(_) => {
                        self.hand_on();
                        due = None;
                        handed_on = Some(Instant::now());
                        continue;
                    }
                },
            };
            let Some(report) = report else { return };
            let changed = self.take(report);
            match &mut due {
                Some(due) if changed => due.again(Instant::now()),
                None if changed => due = Some(Due::new(Instant::now(), handed_on)),
                Some(_) | None => {}
            }
        }
    }

    /// Until every list is complete.
    async fn start(&mut self, reports: &mut mpsc::Receiver<Report>) {
        let started = Instant::now();
        let mut told = started;
        loop {
            let report = tokio::time::timeout_at(told + WAITING_LOG, reports.recv()).await;
            match report {
                Ok(Some(report)) => {
                    self.take(report);
                }
                Ok(None) => return,
                Err(_) => {
                    told = Instant::now();
                    let waiting = self.waiting.borrow().join(", ");
                    tracing::warn!(waiting, "not every kind is listed yet");
                }
            }
            let waiting = match self.index.waiting_for() {
                Some(watches) if watches.is_empty() => break,
                Some(watches) => describe(watches),
                None => continue,
            };
            self.waiting.send_if_modified(|before| {
                let differs = *before != waiting;
                *before = waiting;
                differs
            });
        }
        self.waiting.send_replace(Vec::new());
        let elapsed_ms = started.elapsed().as_millis();
        tracing::info!(elapsed_ms, "every kind is listed");
    }

    fn take(&mut self, report: Report) -> bool {
        let (watch, changed) = match report {
            Report::Applied(watch, item) => {
                let changed = self.index.apply(&watch, *item);
                (watch, changed)
            }
            Report::Gone(watch, name) => {
                let changed = self.index.remove(&watch, &name);
                (watch, changed)
            }
            Report::Complete(watch, seen) => {
                let changed = self.index.complete(&watch, &seen);
                (watch, changed)
            }
            Report::Ended(watch) => {
                let changed = self.index.end(&watch);
                (watch, changed)
            }
            Report::Expected(watches) => {
                self.index.expect(watches);
                return false;
            }
        };
        self.count(&watch);
        changed
    }

    fn count(&self, watch: &WatchId) {
        let Some(kind) = watch.kind() else { return };
        let count = i64::try_from(self.index.count(watch)).unwrap_or(i64::MAX);
        let namespace = watch.namespace.as_deref().unwrap_or("");
        let labels = [kind.group, kind.kind, namespace];
        self.metrics.objects.with_label_values(&labels).set(count);
    }

    fn hand_on(&self) {
        let snapshot = self.index.snapshot();
        let broken = i64::try_from(snapshot.broken.len()).unwrap_or(i64::MAX);
        self.metrics.broken.set(broken);
        self.metrics.snapshots.inc();
        self.newest.send_replace(Some(snapshot));
    }
}

/// When a snapshot is to be handed on.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    latest: Instant,
}

// === impl Due ===

impl Due {
    /// After a first change; `before` is when the snapshot before was handed on.
    fn new(now: Instant, before: Option<Instant>) -> Self {
        let is_alone = before.is_some_and(|before| now - before >= LATEST);
        Self {
            at: if is_alone { now } else { now + QUIET },
            latest: now + LATEST,
        }
    }

    /// After one more.
    fn again(&mut self, now: Instant) {
        self.at = now + QUIET;
    }

    fn at(&self) -> Instant {
        self.at.min(self.latest)
    }
}

#[cfg(test)]
mod tests;
