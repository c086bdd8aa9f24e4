//! The task that writes statuses: told what is wanted and what is stored, it looks at what has
//! changed in either, and at everything when it begins to lead.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tollgate_translate::{ObjectRef, Statuses};

use super::broken::status_of;
use super::fields::{fields, is_written};
use super::merge::{Desired, desired_patch, has_entries};
use super::queue::{Pace, Queue};
use super::write::{Outcome, Write, now};
use crate::client::Cluster;
use crate::events::{Events, Told, new_troubles};
use crate::metrics::Metrics;
use crate::watch::{BrokenObject, Snapshots, StoredObjects};

/// Writes at the same time.
const UNDER_WAY_MAX: usize = 8;

/// Longest time of a write, with its repetitions.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// How long to wait after a write that failed.
const RETRY: Duration = Duration::from_secs(2);

/// What every object shall be told.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// As translation says.
    pub statuses: Arc<Statuses>,
    /// Objects that never reached it.
    pub broken: Arc<Vec<BrokenObject>>,
}

/// Settings.
#[derive(Clone, Debug)]
pub struct StatusOptions {
    /// The names under which we write entries of routes and policies. Entries under any of them
    /// that are not wanted are removed. An object that never reached translation is told in the
    /// name of the first.
    pub controllers: Vec<String>,
    /// Where to tell that something has gone wrong with an object.
    pub events: Option<Events>,
}

/// The writer; it ends when this is dropped.
#[derive(Debug)]
pub struct StatusWriter {
    wanted: watch::Sender<Wanted>,
    gives_way: watch::Sender<bool>,
    task: JoinHandle<()>,
}

// === impl StatusWriter ===

impl StatusWriter {
    /// Begins. Nothing is written before [`StatusWriter::want`], nor while `leads` is false.
    pub fn start(
        cluster: &Cluster,
        snapshots: &Snapshots,
        leads: watch::Receiver<bool>,
        options: StatusOptions,
        metrics: Metrics,
    ) -> Self {
        let (wanted, receiver) = watch::channel(Wanted::default());
        let (gives_way, gives_way_rx) = watch::channel(false);
        let state = State {
            client: cluster.client(),
            stored: snapshots.stored(),
            controllers: Arc::new(options.controllers),
            events: options.events,
            metrics,
            wanted: Wanted::default(),
            broken: BTreeMap::new(),
            queue: Queue::default(),
            pruned: BTreeMap::new(),
            writes: JoinSet::new(),
            pace: Pace::new(Instant::now()),
            gives_way: gives_way_rx,
            paused_until: None,
        };
        let task = tokio::spawn(state.run(receiver, leads));
        Self {
            wanted,
            gives_way,
            task,
        }
    }

    /// Whether to write more slowly, as something that matters more is being done.
    pub fn give_way(&self, gives_way: bool) {
        self.gives_way.send_replace(gives_way);
    }

    /// What every object shall be told from now on.
    pub fn want(&self, wanted: Wanted) {
        self.wanted.send_replace(wanted);
    }

    /// Whether the writer is alive. It must be, as long as this is.
    pub fn is_alive(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Drop for StatusWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct State {
    client: Client,
    stored: Arc<StoredObjects>,
    controllers: Arc<Vec<String>>,
    events: Option<Events>,
    metrics: Metrics,
    wanted: Wanted,
    /// Statuses of broken objects.
    broken: BTreeMap<ObjectRef, Value>,
    queue: Queue,
    /// Hashes of statuses of which the API server keeps only a part.
    pruned: BTreeMap<ObjectRef, u64>,
    writes: JoinSet<(Write, u64, Outcome)>,
    pace: Pace,
    /// Looked at before each write; nobody waits for it.
    gives_way: watch::Receiver<bool>,
    paused_until: Option<Instant>,
}

// === impl State ===

impl State {
    async fn run(mut self, mut wanted: watch::Receiver<Wanted>, mut leads: watch::Receiver<bool>) {
        let stored = Arc::clone(&self.stored);
        let mut is_leader = *leads.borrow_and_update();
        loop {
            if is_leader {
                self.begin_writes();
            }
            let waiting = i64::try_from(self.queue.len()).unwrap_or(i64::MAX);
            self.metrics.status_waiting.set(waiting);
            let due = [self.paused_until, self.queue.next_due()];
            let due = due.into_iter().flatten().min().filter(|_| is_leader);
            tokio::select! {
                changed = leads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    is_leader = *leads.borrow_and_update();
                    self.queue.clear();
                    if is_leader {
                        self.look_at_everything();
                    }
                }
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let newest = wanted.borrow_and_update().clone();
                    self.replace(newest, is_leader);
                }
                touched = stored.touched() => {
                    if is_leader {
                        let concerned = touched.into_iter().filter(|it| self.concerns(it));
                        let concerned: Vec<_> = concerned.collect();
                        concerned.into_iter().for_each(|it| self.queue.push(it));
                    }
                }
                Some(ended) = self.writes.join_next() => {
                    if let Ok((write, hash, outcome)) = ended {
                        if matches!(outcome, Outcome::Written | Outcome::Pruned) {
                            self.tell(&write);
                        }
                        self.ended(&write.object, hash, outcome);
                    }
                }
                () = until(due) => self.paused_until = None,
            }
        }
    }

    /// Takes what is wanted now; looks at what differs.
    fn replace(&mut self, wanted: Wanted, is_leader: bool) {
        let old = std::mem::replace(&mut self.wanted, wanted);
        let new = Arc::clone(&self.wanted.statuses);
        let statuses =
            self.wanted.broken.iter().filter_map(|it| {
                Some((it.object.clone(), status_of(it, &new, &self.controllers)?))
            });
        let old_broken = std::mem::replace(&mut self.broken, statuses.collect());
        if !is_leader {
            return;
        }
        let changed = new.since(&old.statuses);
        let gone = new.gone_since(&old.statuses);
        let objects = changed.map(|(object, _)| object).chain(gone);
        let broken = self
            .broken
            .iter()
            .filter(|(object, status)| old_broken.get(object) != Some(status));
        let mended = old_broken
            .keys()
            .filter(|object| !self.broken.contains_key(object));
        let broken = broken.map(|(object, _)| object).chain(mended);
        for object in objects.chain(broken) {
            if is_written(object) {
                self.queue.push(object.clone());
            }
        }
    }

    fn look_at_everything(&mut self) {
        let all = self.stored.find(|object, stored| {
            self.wanted.statuses.of(object).is_some()
                || self.broken.contains_key(object)
                || has_entries(&stored.status, &self.controllers)
        });
        all.into_iter().for_each(|object| self.queue.push(object));
    }

    /// Whether the object has, or shall have, a status of ours.
    fn concerns(&self, object: &ObjectRef) -> bool {
        self.wanted.statuses.of(object).is_some()
            || self.broken.contains_key(object)
            || self
                .stored
                .get(object)
                .is_some_and(|it| has_entries(&it.status, &self.controllers))
    }

    fn begin_writes(&mut self) {
        while self.writes.len() < UNDER_WAY_MAX && self.paused_until.is_none() {
            let now = Instant::now();
            let Some(object) = self.queue.pop(now) else {
                return;
            };
            let Some((write, hash)) = self.write_of(&object) else {
                self.queue.settled(&object, now);
                continue;
            };
            if let Err(until) = self.pace.take(now, *self.gives_way.borrow()) {
                self.paused_until = Some(until);
                self.queue.push(object);
                return;
            }
            if let Err(until) = self.queue.begin(&object, hash, now) {
                self.queue.push_at(object, until);
                continue;
            }
            let (client, metrics) = (self.client.clone(), self.metrics.clone());
            self.writes.spawn(async move {
                let timer = metrics.status_seconds.start_timer();
                let outcome = match tokio::time::timeout(WRITE_MAX, write.run(client)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Outcome::TimedOut,
                };
                timer.observe_duration();
                (write, hash, outcome)
            });
        }
    }

    /// The write that an object needs, and the hash of what it shall be told.
    fn write_of(&mut self, object: &ObjectRef) -> Option<(Write, u64)> {
        let Some(stored) = self.stored.get(object) else {
            self.queue.forget(object);
            self.pruned.remove(object);
            return None;
        };
        let status = match (self.wanted.statuses.of(object), self.broken.get(object)) {
            (Some(status), _) => serde_json::to_value(status).ok()?,
            (None, Some(status)) => status.clone(),
            (None, None) => Value::Null,
        };
        let desired = Desired {
            fields: fields(object),
            status: &status,
            controllers: &self.controllers,
        };
        desired_patch(&stored.status, &desired, &now())?;
        let mut hasher = DefaultHasher::new();
        (status.to_string(), &stored.uid).hash(&mut hasher);
        let hash = hasher.finish();
        if self.pruned.get(object) == Some(&hash) {
            return None;
        }
        let write = Write {
            object: object.clone(),
            stored,
            status,
            controllers: Arc::clone(&self.controllers),
        };
        Some((write, hash))
    }

    /// What has turned bad with what was written.
    fn tell(&self, write: &Write) {
        let Some(events) = &self.events else { return };
        for trouble in new_troubles(&write.stored.status, &write.status) {
            events.tell(Told {
                object: write.object.clone(),
                version: write.stored.version.clone(),
                uid: write.stored.uid.clone(),
                trouble,
            });
        }
    }

    fn ended(&mut self, object: &ObjectRef, hash: u64, outcome: Outcome) {
        self.queue.end(object);
        let labels = [object.kind.as_str(), outcome.label()];
        self.metrics.status_writes.with_label_values(&labels).inc();
        self.pruned.remove(object);
        let (kind, name) = (&object.kind, &object.name);
        let namespace = object.namespace.as_deref();
        match outcome {
            Outcome::Written | Outcome::Unchanged => {}
            Outcome::Gone => self.queue.forget(object),
            Outcome::Pruned => {
                tracing::warn!(
                    kind,
                    namespace,
                    name,
                    "the installed CRD drops a part of the status"
                );
                self.pruned.insert(object.clone(), hash);
            }
            Outcome::TimedOut => {
                tracing::warn!(kind, namespace, name, "a status was not written in time");
                self.queue.push_at(object.clone(), Instant::now() + RETRY);
            }
            Outcome::Failed(error) => {
                tracing::warn!(kind, namespace, name, %error, "a status was not written");
                self.queue.push_at(object.clone(), Instant::now() + RETRY);
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
