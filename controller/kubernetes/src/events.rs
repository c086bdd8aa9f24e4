//! Events on objects: what `kubectl describe` shows when something has gone wrong with one.
//!
//! Fed by the status writer, which knows what was stored before; each trouble is told once in a
//! while, and only so many at once.

mod memory;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tollgate_crds::KINDS;
use tollgate_translate::ObjectRef;

use crate::client::Cluster;
use crate::metrics::Metrics;

use memory::Memory;
pub(crate) use trouble::{Trouble, new_troubles};

/// Events that wait; more are dropped and counted.
const WAITING_MAX: usize = 256;

/// Longest time of a write.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Where events on cluster-wide objects are kept.
const DEFAULT_NAMESPACE: &str = "default";

/// What an API server takes.
const NOTE_BYTES_MAX: usize = 1024;
const REASON_BYTES_MAX: usize = 128;

/// Who writes events.
#[derive(Clone, Debug)]
pub struct EventOptions {
    /// Name of the controller: `gateway.tollgate.dev/gatewayclass-controller`.
    pub controller: String,
    /// Name of this replica.
    pub instance: String,
}

/// Where to tell troubles. Copies tell the same writer, which ends with the last of them.
#[derive(Clone, Debug)]
pub struct Events {
    queue: mpsc::Sender<Told>,
    metrics: Metrics,
    _task: Arc<JoinHandle<()>>,
}

/// A trouble of an object.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) object: ObjectRef,
    /// API version in which it is watched.
    pub(crate) version: String,
    pub(crate) uid: String,
    pub(crate) trouble: Trouble,
}

// === impl Events ===

impl Events {
    /// Begins.
    pub fn start(cluster: &Cluster, options: EventOptions, metrics: Metrics) -> Self {
        let (queue, receiver) = mpsc::channel(WAITING_MAX);
        let writer = Writer {
            client: cluster.client(),
            options,
            metrics: metrics.clone(),
            memory: Memory::new(Instant::now()),
        };
        Self {
            queue,
            metrics,
            _task: Arc::new(tokio::spawn(writer.run(receiver))),
        }
    }

    /// Tells a trouble; never waits.
    pub(crate) fn tell(&self, told: Told) {
        if self.queue.try_send(told).is_err() {
            self.metrics.events.with_label_values(&["dropped"]).inc();
        }
    }
}

struct Writer {
    client: Client,
    options: EventOptions,
    metrics: Metrics,
    memory: Memory,
}

// === impl Writer ===

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Told>) {
        while let Some(told) = queue.recv().await {
            let key = (told.object.clone(), told.trouble.clone());
            let label = if self.memory.admits(key, Instant::now()) {
                self.write(&told).await
            } else {
                "dropped"
            };
            self.metrics.events.with_label_values(&[label]).inc();
        }
    }

    async fn write(&self, told: &Told) -> &'static str {
        let event = self.event(told);
        let namespace = told.object.namespace.as_deref();
        let namespace = namespace.unwrap_or(DEFAULT_NAMESPACE);
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let params = PostParams::default();
        let create = api.create(&params, &event);
        match tokio::time::timeout(WRITE_MAX, create).await {
            Ok(Ok(_)) => "written",
            Ok(Err(error)) => {
                tracing::debug!(%error, "an event was not written");
                "failed"
            }
            Err(_) => "failed",
        }
    }

    fn event(&self, told: &Told) -> Event {
        let Told {
            object,
            version,
            uid,
            trouble,
        } = told;
        let now = jiff::Timestamp::now();
        let kind = KINDS
            .iter()
            .find(|kind| kind.group == object.group && kind.kind == object.kind);
        let namespace = object.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let note = format!(
            "{} is {}: {}",
            trouble.condition, trouble.status, trouble.message
        );
        Event {
            action: Some("Translate".to_string()),
            event_time: Some(MicroTime(now)),
            metadata: ObjectMeta {
                name: Some(format!("{}.{:x}", object.name, now.as_nanosecond())),
                namespace: Some(namespace.to_string()),
                ..ObjectMeta::default()
            },
            note: Some(cut(&note, NOTE_BYTES_MAX)),
            reason: Some(cut(&trouble.reason, REASON_BYTES_MAX)),
            regarding: Some(ObjectReference {
                api_version: kind.map(|kind| kind.api_version(version)),
                kind: Some(object.kind.clone()),
                name: Some(object.name.clone()),
                namespace: object.namespace.clone(),
                uid: Some(uid.clone()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some(self.options.controller.clone()),
            reporting_instance: Some(cut(&self.options.instance, REASON_BYTES_MAX)),
            type_: Some("Warning".to_string()),
            ..Event::default()
        }
    }
}

/// At most so many bytes, cut between characters.
fn cut(text: &str, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("aä", 2), "a");
        assert_eq!(cut("ab", 5), "ab");
    }
}
