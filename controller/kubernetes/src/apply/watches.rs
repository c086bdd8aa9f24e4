//! Follows our objects of every kind that fleets are made of.

use std::collections::BTreeSet;

use futures::{StreamExt, pin_mut};
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::kinds::FLEET_KINDS;
use super::observed::{Key, Observed};
use super::{FleetOptions, INSTALLATION_LABEL, SELECTOR};
use crate::metrics::Metrics;
use crate::watch::{Backoff, Raw};

/// How long the server lets a watch run.
const WATCH_SECONDS: u32 = 60;

/// What the watches tell.
#[derive(Debug)]
pub(crate) enum Sight {
    /// An object is there.
    Seen(Key, Box<Observed>),
    /// An object is gone.
    Gone(Key),
    /// Objects of the kind, in the namespace if any, are those and no others.
    Complete(usize, Option<String>, BTreeSet<Key>),
}

/// Starts a watch for each kind and namespace; how many there are is returned.
pub(crate) fn start(
    client: &Client,
    options: &FleetOptions,
    sights: &mpsc::Sender<Sight>,
    metrics: &Metrics,
) -> Vec<JoinHandle<()>> {
    let namespaces: Vec<Option<String>> = match options.namespaces.len() {
        0 => vec![None],
        _ => options.namespaces.iter().cloned().map(Some).collect(),
    };
    let watches = (0..FLEET_KINDS.len()).flat_map(|kind| {
        let namespaces = namespaces.iter().cloned();
        namespaces.map(move |namespace| (kind, namespace))
    });
    let watches = watches.map(|(kind, namespace)| {
        let watch = Watch {
            kind,
            namespace,
            labels: format!("{SELECTOR},{INSTALLATION_LABEL}={}", options.installation),
            sights: sights.clone(),
            metrics: metrics.clone(),
        };
        tokio::spawn(watch.run(client.clone()))
    });
    watches.collect()
}

struct Watch {
    kind: usize,
    namespace: Option<String>,
    labels: String,
    sights: mpsc::Sender<Sight>,
    metrics: Metrics,
}

// === impl Watch ===

impl Watch {
    async fn run(self, client: Client) {
        let Some(kind) = FLEET_KINDS.get(self.kind) else {
            return;
        };
        let api: Api<Raw> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &kind.resource()),
            None => Api::all_with(client, &kind.resource()),
        };
        let config = watcher::Config::default()
            .labels(&self.labels)
            .timeout(WATCH_SECONDS);
        let events = watcher(api, config);
        pin_mut!(events);
        let mut listed = BTreeSet::new();
        let mut backoff = Backoff::default();
        while let Some(event) = events.next().await {
            let sight = match event {
                Ok(watcher::Event::Init) => {
                    listed.clear();
                    continue;
                }
                Ok(watcher::Event::InitApply(raw)) => {
                    let key = self.key(&raw);
                    listed.insert(key.clone());
                    Sight::Seen(key, Box::new(Observed::new(kind.kind, &raw)))
                }
                Ok(watcher::Event::InitDone) => {
                    backoff.reset();
                    let listed = std::mem::take(&mut listed);
                    Sight::Complete(self.kind, self.namespace.clone(), listed)
                }
                Ok(watcher::Event::Apply(raw)) => {
                    backoff.reset();
                    Sight::Seen(self.key(&raw), Box::new(Observed::new(kind.kind, &raw)))
                }
                Ok(watcher::Event::Delete(raw)) => Sight::Gone(self.key(&raw)),
                Err(error) => {
                    let name = kind.kind;
                    tracing::warn!(kind = name, %error, "a watch of fleets failed; it begins again");
                    self.metrics.watch_errors.with_label_values(&[name]).inc();
                    tokio::time::sleep(backoff.next(rand::random())).await;
                    continue;
                }
            };
            if self.sights.send(sight).await.is_err() {
                return;
            }
        }
    }

    fn key(&self, raw: &Raw) -> Key {
        Key {
            kind: self.kind,
            namespace: raw.metadata.namespace.clone().unwrap_or_default(),
            name: raw.metadata.name.clone().unwrap_or_default(),
        }
    }
}
