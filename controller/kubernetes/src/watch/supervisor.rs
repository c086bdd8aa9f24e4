//! Starts a watch for each kind that is served, and ends those of kinds that are not any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate_crds::{KINDS, Scope as KindScope};

use super::backoff::Backoff;
use super::discovery::{Served, concerns, served};
use super::kind_watch::{KindWatch, Report, WATCH_SECONDS};
use super::{Scope, WatchId};
use crate::client::Cluster;
use crate::metrics::Metrics;

/// How often the API server is asked what it serves, in case nobody tells.
const CALM: Duration = Duration::from_secs(60);

/// How often it is asked after a CRD has changed: it takes a moment until a kind is served.
const BUSY: Duration = Duration::from_millis(250);

/// How long after a change.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// Keeps the watches.
pub(crate) struct Supervisor {
    pub(crate) cluster: Cluster,
    pub(crate) scope: Scope,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) metrics: Metrics,
}

/// A watch that runs; it ends when this is dropped.
struct Running {
    version: &'static str,
    task: JoinHandle<()>,
}

// === impl Supervisor ===

impl Supervisor {
    /// Runs until nobody listens.
    pub(crate) async fn run(self) {
        let changed = Notify::new();
        tokio::select! {
            () = self.supervise(&changed) => {}
            () = follow_crds(self.cluster.watch_client(), &changed) => {}
        }
    }

    async fn supervise(&self, changed: &Notify) {
        let mut running = BTreeMap::new();
        let mut backoff = Backoff::default();
        let mut busy_until = Instant::now();
        while !self.reports.is_closed() {
            let wait = match served(&self.cluster.client()).await {
                Ok(list) => {
                    backoff.reset();
                    self.adjust(&mut running, &list).await;
                    if Instant::now() < busy_until {
                        BUSY
                    } else {
                        CALM
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the API server does not say what it serves");
                    backoff.next(rand::random())
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed.notified() => busy_until = Instant::now() + BUSY_FOR,
                () = self.reports.closed() => return,
            }
        }
    }

    /// Ends and starts watches so that they are those of `served`.
    async fn adjust(&self, running: &mut BTreeMap<WatchId, Running>, served: &[Served]) {
        let wanted = self.wanted(served);
        let surplus: Vec<WatchId> = running
            .iter()
            .filter(|(id, watch)| wanted.get(id) != Some(&watch.version))
            .map(|(id, _)| id.clone())
            .collect();
        for id in surplus {
            if let Some(watch) = running.remove(&id) {
                watch.end().await;
            }
            if !wanted.contains_key(&id) {
                tracing::info!(kind = id.label(), "not served any more");
                let labels = [id.label(), id.namespace.clone().unwrap_or_default()];
                // Nothing of it can be stale any more; it may never have been.
                let _ = self.metrics.stale.remove_label_values(&labels);
                let _ = self.reports.send(Report::Ended(id)).await;
            }
        }
        for (id, version) in &wanted {
            if !running.contains_key(id)
                && let Some(watch) = self.start(id, version)
            {
                running.insert(id.clone(), watch);
            }
        }
        let all = wanted.into_keys().collect();
        let _ = self.reports.send(Report::Expected(all)).await;
    }

    fn wanted(&self, served: &[Served]) -> BTreeMap<WatchId, &'static str> {
        let mut wanted = BTreeMap::new();
        for Served { kind, version } in served {
            let namespaces = match KINDS.get(*kind).map(|kind| kind.scope) {
                Some(KindScope::Namespaced) => self.scope.watched(),
                Some(KindScope::Cluster) | None => vec![None],
            };
            for namespace in namespaces {
                let kind = *kind;
                wanted.insert(WatchId { kind, namespace }, *version);
            }
        }
        wanted
    }

    fn start(&self, id: &WatchId, version: &'static str) -> Option<Running> {
        let kind = id.kind()?;
        let watch = KindWatch {
            id: id.clone(),
            kind,
            version,
            client: self.cluster.watch_client(),
            reports: self.reports.clone(),
            metrics: self.metrics.clone(),
        };
        tracing::debug!(
            kind = kind.kind,
            version,
            namespace = id.namespace,
            "watching"
        );
        Some(Running {
            version,
            task: tokio::spawn(watch.run()),
        })
    }
}

// === impl Running ===

impl Running {
    /// Ends the watch; it reports nothing after that.
    async fn end(mut self) {
        self.task.abort();
        // The error says that it was aborted, which is what was wanted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells of every change of a CRD that is read. Without the right to watch CRDs nothing is told,
/// and the slow question is what is left.
async fn follow_crds(client: Client, changed: &Notify) {
    let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client);
    let events = watcher(api, watcher::Config::default().timeout(WATCH_SECONDS));
    pin_mut!(events);
    let mut backoff = Backoff::default();
    let mut is_told = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(crd) | watcher::Event::Delete(crd)) => {
                let name = crd.metadata.name.unwrap_or_default();
                if concerns(&name) {
                    changed.notify_one();
                }
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(watcher::Event::InitDone) => {
                backoff.reset();
                changed.notify_one();
            }
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(%error, "CRDs are not watched; new kinds are found once a minute");
                }
                tokio::time::sleep(backoff.next(rand::random())).await;
            }
        }
    }
}

/// The names of watches that are waited for, for people.
pub(crate) fn describe<'a>(watches: impl IntoIterator<Item = &'a WatchId>) -> Vec<String> {
    let names = watches.into_iter().filter_map(|id| {
        let kind = id.kind()?;
        let namespace = id.namespace.as_deref();
        Some(match namespace {
            Some(namespace) => format!("{} in {namespace}", kind.plural),
            None => kind.plural.to_string(),
        })
    });
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect()
}
