//! The pods of the proxies: one container, nothing that the restricted Pod Security level forbids.

use serde_json::{Map, Value, json};
use tollgate_crds::envoy_gateway::backend_traffic_policy::{Open, OpenList};
use tollgate_crds::envoy_gateway::envoy_proxy::{ContainerSettings, PodSettings};
use tollgate_translate::{FleetSpec, strategic_merge};

use crate::workload::Workload;
use crate::{FleetOptions, container, identity, metadata};

/// The user of the image.
pub(crate) const USER: u32 = 65_532;
/// Sockets, the bootstrap and whatever a program puts into a temporary folder: in memory.
const RUNTIME_SIZE: &str = "64Mi";
/// Annotation that names what Envoy starts with.
const BOOTSTRAP: &str = "gateway.tollgate.dev/bootstrap";
/// What is left to end in when the longest drain is over, in seconds.
const GRACE_AFTER_DRAIN_S: u64 = 10;

static NOTHING: PodSettings = PodSettings {
    annotations: std::collections::BTreeMap::new(),
    labels: std::collections::BTreeMap::new(),
    security_context: None,
    affinity: None,
    tolerations: None,
    volumes: None,
    image_pull_secrets: None,
    node_selector: std::collections::BTreeMap::new(),
    topology_spread_constraints: None,
    priority_class_name: None,
};

/// The pod template of a workload.
pub(crate) fn template(spec: &FleetSpec, options: &FleetOptions, workload: &Workload<'_>) -> Value {
    let (pod, container) = workload.settings();
    let PodSettings {
        annotations,
        labels,
        security_context: _,
        affinity: _,
        tolerations: _,
        volumes: _,
        image_pull_secrets: _,
        node_selector: _,
        topology_spread_constraints: _,
        priority_class_name: _,
    } = pod;
    let mut all_labels = labels.clone();
    all_labels.extend(metadata::labels(spec));
    let mut all_annotations = container::scraped(spec);
    all_annotations.extend(spec.annotations.clone());
    all_annotations.extend(annotations.clone());
    // Envoy reads it once: when it changes, pods are replaced.
    let bootstrap = spec.bootstrap.iter();
    all_annotations.extend(bootstrap.map(|it| (BOOTSTRAP.to_string(), it.clone())));
    json!({
        "metadata": {"labels": all_labels, "annotations": all_annotations},
        "spec": pod_spec(spec, options, workload, (pod, container)),
    })
}

fn pod_spec(
    spec: &FleetSpec,
    options: &FleetOptions,
    workload: &Workload<'_>,
    (pod, container): (&PodSettings, Option<&ContainerSettings>),
) -> Value {
    let mut made = json!({
        "serviceAccountName": metadata::service_account_name(spec),
        "automountServiceAccountToken": false,
        // Services of the namespace as environment variables: of no use, and there may be thousands.
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": container::drain(spec, options).total_s() + GRACE_AFTER_DRAIN_S,
        "securityContext": security_context(pod),
        "containers": [container::render(spec, options, container)],
        "volumes": [
            {"name": "runtime", "emptyDir": {"medium": "Memory", "sizeLimit": RUNTIME_SIZE}},
            {"name": "identity", "secret": {
                "secretName": identity::identity_secret_name(spec), "defaultMode": 0o440}},
        ],
        "topologySpreadConstraints": topology(spec, pod),
    });
    let mut add = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            made[field] = value;
        }
    };
    add(
        "affinity",
        pod.affinity.clone().map(|it| Value::Object(it.0)),
    );
    add("tolerations", pod.tolerations.as_ref().map(list));
    add(
        "priorityClassName",
        pod.priority_class_name.clone().map(Value::String),
    );
    add(
        "nodeSelector",
        (!pod.node_selector.is_empty()).then(|| json!(pod.node_selector)),
    );
    add("imagePullSecrets", image_pull_secrets(pod, options));
    add("initContainers", workload.init_containers().map(list));
    if let Some(volumes) = &pod.volumes {
        strategic_merge(&mut made, &json!({"volumes": list(volumes)}));
    }
    made
}

/// Ours, and over it what the EnvoyProxy says. `fsGroup` lets the user read the identity.
fn security_context(pod: &PodSettings) -> Value {
    let ours = json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    with(ours, pod.security_context.as_ref())
}

/// An object with that of an EnvoyProxy over it.
pub(crate) fn with(mut ours: Value, given: Option<&Open>) -> Value {
    if let Some(given) = given {
        strategic_merge(&mut ours, &Value::Object(given.0.clone()));
    }
    ours
}

/// Proxies of a fleet stand on different nodes where that is possible.
fn topology(spec: &FleetSpec, pod: &PodSettings) -> Value {
    match &pod.topology_spread_constraints {
        Some(given) => list(given),
        None => json!([{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": metadata::selector(spec)},
        }]),
    }
}

fn image_pull_secrets(pod: &PodSettings, options: &FleetOptions) -> Option<Value> {
    let ours = options.image_pull_secrets.iter();
    let mut all =
        json!({"imagePullSecrets": ours.map(|name| json!({"name": name})).collect::<Vec<_>>()});
    if let Some(more) = &pod.image_pull_secrets {
        strategic_merge(&mut all, &json!({"imagePullSecrets": list(more)}));
    }
    let secrets = all["imagePullSecrets"].take();
    let is_empty = secrets.as_array().is_none_or(Vec::is_empty);
    (!is_empty).then_some(secrets)
}

/// A list of an EnvoyProxy as it was written.
pub(crate) fn list(items: &OpenList) -> Value {
    items
        .0
        .iter()
        .map(|item| Value::Object(Map::clone(&item.0)))
        .collect()
}

// === impl Workload ===

impl<'a> Workload<'a> {
    fn settings(&self) -> (&'a PodSettings, Option<&'a ContainerSettings>) {
        let (pod, container) = match self {
            Self::Deployment(settings) => (
                settings.and_then(|it| it.pod.as_ref()),
                settings.and_then(|it| it.container.as_ref()),
            ),
            Self::DaemonSet(settings) => (settings.pod.as_ref(), settings.container.as_ref()),
        };
        (pod.unwrap_or(&NOTHING), container)
    }

    fn init_containers(&self) -> Option<&'a OpenList> {
        match self {
            Self::Deployment(settings) => settings.and_then(|it| it.init_containers.as_ref()),
            Self::DaemonSet(_) => None,
        }
    }
}
