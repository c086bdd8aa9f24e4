//! The task that observes fleets, and applies them while this replica leads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::kinds::FLEET_KINDS;
use super::observed::{Key, Observed};
use super::plan::{Action, Create, Plan};
use super::view::view;
use super::watches::{Sight, start};
use super::{FleetOptions, INSTALLATION_LABEL, SeenFleets, WantedFleets};
use crate::client::Cluster;
use crate::metrics::Metrics;
use crate::watch::Raw;

/// Name under which fields are ours.
const FIELD_MANAGER: &str = "tollgate";

/// Writes at the same time.
const UNDER_WAY_MAX: usize = 8;

/// Longest time of one write.
const WRITE_MAX: Duration = Duration::from_secs(15);

/// Sights that wait; watches wait beyond that.
const SIGHTS_MAX: usize = 64;

/// The state.
pub(super) struct Run {
    client: Client,
    options: FleetOptions,
    plan: Plan,
    /// Watches that have not listed everything yet.
    unlisted: usize,
    listed: std::collections::BTreeSet<(usize, Option<String>)>,
    sights: mpsc::Receiver<Sight>,
    watches: Vec<JoinHandle<()>>,
    seen: watch::Sender<Arc<SeenFleets>>,
    metrics: Metrics,
}

// === impl Run ===

impl Run {
    pub(super) fn new(
        cluster: &Cluster,
        options: FleetOptions,
        seen: watch::Sender<Arc<SeenFleets>>,
        metrics: Metrics,
    ) -> Self {
        let (sights_tx, sights) = mpsc::channel(SIGHTS_MAX);
        let watches = start(&cluster.watch_client(), &options, &sights_tx, &metrics);
        Self {
            client: cluster.client(),
            options,
            plan: Plan::default(),
            unlisted: watches.len(),
            listed: std::collections::BTreeSet::new(),
            sights,
            watches,
            seen,
            metrics,
        }
    }

    pub(super) async fn run(
        mut self,
        mut wanted: watch::Receiver<Option<Arc<WantedFleets>>>,
        mut leads: watch::Receiver<bool>,
    ) {
        let mut is_leader = *leads.borrow_and_update();
        let mut is_wanted = false;
        loop {
            if is_leader && is_wanted && self.unlisted == 0 {
                self.act().await;
            }
            self.tell();
            let due = self.plan.next_due().filter(|_| is_leader && is_wanted);
            tokio::select! {
                sight = self.sights.recv() => {
                    let Some(sight) = sight else { return };
                    self.take(sight);
                    while let Ok(sight) = self.sights.try_recv() {
                        self.take(sight);
                    }
                }
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let newest = wanted.borrow_and_update().clone();
                    if let Some(newest) = newest {
                        is_wanted = true;
                        for problem in self.plan.want(&newest, &self.options) {
                            tracing::error!(problem, "an object of a fleet cannot be applied");
                        }
                    }
                }
                changed = leads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    is_leader = *leads.borrow_and_update();
                    self.plan.forget_applied();
                }
                () = until(due) => {}
            }
        }
    }

    fn take(&mut self, sight: Sight) {
        match sight {
            Sight::Seen(key, observed) => drop(self.plan.see(key, *observed)),
            Sight::Gone(key) => drop(self.plan.miss(&key)),
            Sight::Complete(kind, namespace, seen) => {
                self.plan.complete(kind, namespace.as_deref(), &seen);
                if self.listed.insert((kind, namespace)) {
                    self.unlisted = self.unlisted.saturating_sub(1);
                }
            }
        }
    }

    /// Does what the plan says now, then what it says after that.
    async fn act(&mut self) {
        loop {
            let actions = self.plan.actions(Instant::now());
            if actions.is_empty() {
                return;
            }
            let mut writes = JoinSet::new();
            let mut actions = actions.into_iter();
            loop {
                while writes.len() < UNDER_WAY_MAX
                    && let Some(action) = actions.next()
                {
                    let installation = self.options.installation.clone();
                    writes.spawn(write(self.client.clone(), action, installation));
                }
                match writes.join_next().await {
                    Some(Ok((key, result))) => self.written(&key, result),
                    Some(Err(_)) => {}
                    None => break,
                }
            }
            self.tell();
        }
    }

    fn written(&mut self, key: &Key, result: Result<Written, String>) {
        let kind = FLEET_KINDS.get(key.kind).map_or("", |kind| kind.kind);
        let (namespace, name) = (&key.namespace, &key.name);
        let label = match result {
            Ok(Written::Applied(observed)) => {
                tracing::info!(kind, namespace, name, "applied");
                self.plan.applied(key, *observed);
                "applied"
            }
            Ok(Written::Deleted) => {
                tracing::info!(kind, namespace, name, "deleted: nobody wants it");
                self.plan.deleted(key);
                "deleted"
            }
            Ok(Written::Gone) => {
                self.plan.miss(key);
                "gone"
            }
            Err(error) => {
                let message = format!("{kind} {name}: {error}");
                if self.plan.fail(key, message, Instant::now()) {
                    tracing::warn!(
                        kind,
                        namespace,
                        name,
                        error,
                        "not written; it is tried again"
                    );
                }
                "failed"
            }
        };
        self.metrics.applies.with_label_values(&[kind, label]).inc();
    }

    fn tell(&self) {
        let fleets = view(&self.plan);
        self.seen.send_if_modified(|before| {
            if **before == fleets {
                return false;
            }
            *before = Arc::new(fleets);
            true
        });
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        for watch in &self.watches {
            watch.abort();
        }
    }
}

/// What a write did.
enum Written {
    Applied(Box<Observed>),
    Deleted,
    Gone,
}

async fn write(
    client: Client,
    action: Action,
    installation: String,
) -> (Key, Result<Written, String>) {
    let key = match &action {
        Action::Apply { key, .. } | Action::Delete { key, .. } => key.clone(),
    };
    let result =
        match tokio::time::timeout(WRITE_MAX, carry_out(client, action, installation)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", WRITE_MAX.as_secs())),
        };
    (key, result)
}

async fn carry_out(
    client: Client,
    action: Action,
    installation: String,
) -> Result<Written, String> {
    match action {
        Action::Apply { key, body, create } => {
            let api = api(client, &key)?;
            if create == Create::New {
                refuse_foreign(&api, &key, &installation).await?;
            }
            let params = PatchParams::apply(FIELD_MANAGER).force();
            let applied = api.patch(&key.name, &params, &Patch::Apply(&body)).await;
            let raw = applied.map_err(|error| said(&error))?;
            let kind = FLEET_KINDS.get(key.kind).map_or("", |kind| kind.kind);
            Ok(Written::Applied(Box::new(Observed::new(kind, &raw))))
        }
        Action::Delete { key, uid } => {
            let params = DeleteParams {
                propagation_policy: Some(PropagationPolicy::Background),
                preconditions: Some(Preconditions {
                    uid: Some(uid),
                    resource_version: None,
                }),
                ..DeleteParams::default()
            };
            match api(client, &key)?.delete(&key.name, &params).await {
                Ok(_) => Ok(Written::Deleted),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(Written::Gone),
                Err(error) => Err(said(&error)),
            }
        }
    }
}

/// An object of this name that is not ours must not be taken over.
async fn refuse_foreign(api: &Api<Raw>, key: &Key, installation: &str) -> Result<(), String> {
    let there = api.get_opt(&key.name).await.map_err(|error| said(&error))?;
    let Some(there) = there else { return Ok(()) };
    let label = there.body["metadata"]["labels"].get(INSTALLATION_LABEL);
    if label.and_then(Value::as_str) == Some(installation) {
        return Ok(());
    }
    Err("exists and is not of this installation; rename or delete it".to_string())
}

fn api(client: Client, key: &Key) -> Result<Api<Raw>, String> {
    let kind = FLEET_KINDS.get(key.kind);
    let kind = kind.ok_or_else(|| "is of no kind that fleets are made of".to_string())?;
    Ok(Api::namespaced_with(
        client,
        &key.namespace,
        &kind.resource(),
    ))
}

/// What the API server said, without our own words around it.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
