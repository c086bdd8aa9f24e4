//! Follows the objects of one kind, without an end: lists, watches, begins again after failures.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tollgate_crds::{Kind, Scope};
use tollgate_translate::ObjectRef;

use super::WatchId;
use super::backoff::Backoff;
use super::raw::Raw;
use super::read::{Item, object_ref, read};
use crate::metrics::Metrics;

/// How long the server lets a watch run. It goes on where it ended; a connection that died is
/// noticed soon after.
pub(crate) const WATCH_SECONDS: u32 = 60;

/// How long a watch that failed must be without another error to count as working.
const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// How long a kind may be stale before the log says so as an error.
const STALE_LOUD_AFTER: Duration = Duration::from_secs(30);

/// Status codes of a server that cannot stream a list.
const NO_STREAMING: [u16; 3] = [400, 403, 422];

/// Secrets that are never read: other programs' state, as large as they come.
const SECRET_FIELDS: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,type!=bootstrap.kubernetes.io/token";

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Report {
    /// An object is there, or is another now.
    Applied(WatchId, Box<Item>),
    /// An object is gone.
    Gone(WatchId, ObjectRef),
    /// Everything that there is was told.
    Complete(WatchId, BTreeSet<ObjectRef>),
    /// The kind is not served any more.
    Ended(WatchId),
    /// Which watches there are.
    Expected(BTreeSet<WatchId>),
}

/// What a watch needs.
pub(crate) struct KindWatch {
    pub(crate) id: WatchId,
    pub(crate) kind: &'static Kind,
    pub(crate) version: &'static str,
    pub(crate) client: Client,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) metrics: Metrics,
}

/// What a watch has seen so far.
#[derive(Default)]
struct Progress {
    /// Objects of the list that is under way.
    seen: BTreeSet<ObjectRef>,
    backoff: Backoff,
    /// Since when changes may be missed.
    stale_since: Option<Instant>,
    is_loud: bool,
    /// The server cannot stream a list.
    lists_in_pages: bool,
}

/// Nobody listens any more.
struct Closed;

// === impl KindWatch ===

impl KindWatch {
    /// Runs until nobody listens.
    pub(crate) async fn run(self) {
        let mut progress = Progress::default();
        while self.follow(&mut progress).await.is_ok() {}
    }

    /// Follows in one way of listing, until that way turns out not to work.
    async fn follow(&self, progress: &mut Progress) -> Result<(), Closed> {
        let events = watcher(self.api(), self.config(progress.lists_in_pages));
        pin_mut!(events);
        loop {
            let wait = match progress.stale_since {
                Some(_) => RECOVERED_AFTER,
                None => Duration::MAX,
            };
            // A watch that works may have nothing to tell.
            let Ok(event) = tokio::time::timeout(wait, events.next()).await else {
                self.recovered(progress);
                continue;
            };
            match event {
                Some(Ok(event)) => self.event(event, progress).await?,
                Some(Err(error)) => {
                    if !progress.lists_in_pages && cannot_stream(&error) {
                        progress.lists_in_pages = true;
                        return Ok(());
                    }
                    self.failed(&error, progress).await;
                }
                None => return Ok(()),
            }
        }
    }

    async fn event(
        &self,
        event: watcher::Event<Raw>,
        progress: &mut Progress,
    ) -> Result<(), Closed> {
        let id = self.id.clone();
        let report = match event {
            watcher::Event::Init => {
                progress.seen.clear();
                return Ok(());
            }
            watcher::Event::InitApply(raw) => {
                let item = read(self.kind, self.version, raw);
                progress.seen.insert(item.object.clone());
                Report::Applied(id, Box::new(item))
            }
            watcher::Event::InitDone => {
                self.recovered(progress);
                Report::Complete(id, std::mem::take(&mut progress.seen))
            }
            watcher::Event::Apply(raw) => {
                self.recovered(progress);
                Report::Applied(id, Box::new(read(self.kind, self.version, raw)))
            }
            watcher::Event::Delete(raw) => {
                self.recovered(progress);
                Report::Gone(id, object_ref(self.kind, &raw))
            }
        };
        self.reports.send(report).await.map_err(|_| Closed)
    }

    async fn failed(&self, error: &watcher::Error, progress: &mut Progress) {
        let kind = self.id.label();
        self.metrics.watch_errors.with_label_values(&[&kind]).inc();
        // A streamed list that broke off is streamed anew.
        progress.seen.clear();
        let is_first = progress.stale_since.is_none();
        let since = *progress.stale_since.get_or_insert_with(Instant::now);
        let error = chain(error);
        if is_first {
            tracing::warn!(kind, %error, "a watch failed; it begins again");
        } else if since.elapsed() >= STALE_LOUD_AFTER && !progress.is_loud {
            progress.is_loud = true;
            let stale_s = since.elapsed().as_secs();
            tracing::error!(kind, stale_s, %error, "changes of this kind are not seen");
        } else {
            tracing::debug!(kind, %error, "a watch failed again");
        }
        self.set_stale(1);
        tokio::time::sleep(progress.backoff.next(rand::random())).await;
    }

    fn recovered(&self, progress: &mut Progress) {
        progress.backoff.reset();
        progress.is_loud = false;
        let Some(since) = progress.stale_since.take() else {
            return;
        };
        let kind = self.id.label();
        let stale_ms = since.elapsed().as_millis();
        tracing::info!(kind, stale_ms, "a watch works again");
        self.set_stale(0);
    }

    fn set_stale(&self, stale: i64) {
        let namespace = self.id.namespace.as_deref().unwrap_or("");
        let labels = [self.id.label(), namespace.to_string()];
        self.metrics.stale.with_label_values(&labels).set(stale);
    }

    fn api(&self) -> Api<Raw> {
        let resource = ApiResource {
            group: self.kind.group.to_string(),
            version: self.version.to_string(),
            api_version: self.kind.api_version(self.version),
            kind: self.kind.kind.to_string(),
            plural: self.kind.plural.to_string(),
        };
        match (&self.id.namespace, self.kind.scope) {
            (Some(namespace), Scope::Namespaced) => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            (_, Scope::Cluster) | (None, Scope::Namespaced) => {
                Api::all_with(self.client.clone(), &resource)
            }
        }
    }

    fn config(&self, lists_in_pages: bool) -> watcher::Config {
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let config = match (self.kind.group, self.kind.kind) {
            ("", "Secret") => config.fields(SECRET_FIELDS),
            _ => config,
        };
        if lists_in_pages {
            config
        } else {
            config.streaming_lists()
        }
    }
}

fn cannot_stream(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status))
        if NO_STREAMING.contains(&status.code))
}

/// An error with everything that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
