//! The one container of a proxy's pod: `tollgate proxy`, which runs Envoy as its child.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_crds::envoy_gateway::envoy_proxy::{ContainerSettings, LogLevel};
use tollgate_translate::{FleetScope, FleetSpec, is_envoy_alone, strategic_merge};

use crate::{FleetOptions, pod};

/// Name of the container, as users of Envoy Gateway know it from their patches.
const NAME: &str = "envoy";
/// /metrics, /ready and /health.
const OBSERVE_PORT: u16 = 19_001;
const IDENTITY_DIR: &str = "/etc/tollgate/identity";
const RUNTIME_DIR: &str = "/run/tollgate";
/// Seconds that a process may take to answer `/health` for the first time.
const START_S_MAX: u32 = 60;

/// How long a proxy drains.
pub(crate) struct Drain {
    max: Duration,
    min: Duration,
}

/// The drain that the EnvoyProxy asks for. The shortest is never longer than the longest.
pub(crate) fn drain(spec: &FleetSpec, options: &FleetOptions) -> Drain {
    let shutdown = spec.proxy.shutdown.clone().unwrap_or_default();
    let (default_max, default_min) = options.drain;
    let max = shutdown.drain_timeout.map_or(default_max, Into::into);
    let min = shutdown.min_drain_duration.map_or(default_min, Into::into);
    Drain {
        max,
        min: min.min(max),
    }
}

/// Where Prometheus finds the metrics, as annotations that many of its installations follow; none
/// where the EnvoyProxy wants none.
pub(crate) fn scraped(spec: &FleetSpec) -> BTreeMap<String, String> {
    let telemetry = spec.proxy.telemetry.as_ref();
    let metrics = telemetry.and_then(|it| it.metrics.as_ref());
    let prometheus = metrics.and_then(|it| it.prometheus.as_ref());
    if prometheus.is_some_and(|it| it.disable == Some(true)) {
        return BTreeMap::new();
    }
    [
        ("prometheus.io/scrape", "true".to_string()),
        ("prometheus.io/port", OBSERVE_PORT.to_string()),
        ("prometheus.io/path", "/metrics".to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value))
    .collect()
}

/// The container.
///
/// Ports of listeners are not listed in it: they would say nothing that the Service does not, and
/// a listener that comes or goes would replace every pod.
pub(crate) fn render(
    spec: &FleetSpec,
    options: &FleetOptions,
    settings: Option<&ContainerSettings>,
) -> Value {
    let mut container = json!({
        "name": NAME,
        "image": image(options, settings),
        "command": ["tollgate"],
        "args": args(spec, options),
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "TMPDIR", "value": RUNTIME_DIR},
        ],
        "ports": [{"name": "observe", "containerPort": OBSERVE_PORT, "protocol": "TCP"}],
        "resources": resources(options, settings),
        "securityContext": security_context(settings),
        "volumeMounts": [
            {"name": "runtime", "mountPath": RUNTIME_DIR},
            {"name": "identity", "mountPath": IDENTITY_DIR, "readOnly": true},
        ],
        // A proxy that waits for its first configuration is healthy and not ready.
        "startupProbe": probe("/health", 1, START_S_MAX),
        "readinessProbe": probe("/ready", 1, 2),
        "livenessProbe": probe("/health", 10, 3),
    });
    if let Some(policy) = &options.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
    let more = settings.map(|it| {
        json!({
            "env": it.env.as_ref().map_or(json!([]), pod::list),
            "volumeMounts": it.volume_mounts.as_ref().map_or(json!([]), pod::list),
        })
    });
    if let Some(more) = more {
        strategic_merge(&mut container, &more);
    }
    container
}

/// Tollgate's image, or what the EnvoyProxy names. An image of Envoy alone, which manifests for
/// Envoy Gateway may name, has no `tollgate` in it and is passed over; the EnvoyProxy is told.
fn image(options: &FleetOptions, settings: Option<&ContainerSettings>) -> String {
    let Some(settings) = settings else {
        return options.image.clone();
    };
    let usable = |name: &&String| !is_envoy_alone(name);
    if let Some(image) = settings.image.as_ref().filter(usable) {
        return image.clone();
    }
    match settings.image_repository.as_ref().filter(usable) {
        Some(repository) => format!("{repository}{}", tag(&options.image)),
        None => options.image.clone(),
    }
}

/// What stands behind the name of an image: `:tag`, `@sha256:…`, both or nothing.
fn tag(image: &str) -> &str {
    let name_start = image.rfind('/').map_or(0, |slash| slash + 1);
    let name = image.get(name_start..).unwrap_or_default();
    let tag_start = name.find([':', '@']).unwrap_or(name.len());
    name.get(tag_start..).unwrap_or_default()
}

fn args(spec: &FleetSpec, options: &FleetOptions) -> Vec<String> {
    let drain = drain(spec, options);
    let gateway = match &spec.scope {
        FleetScope::Gateway { namespace, name } => format!("{namespace}/{name}"),
        FleetScope::Class { name } => format!("spiffe://tollgate/class/{name}"),
    };
    let mut args = vec!["proxy".to_string()];
    let mut add = |flag: &str, value: String| args.extend([flag.to_string(), value]);
    add("--gateway", gateway);
    add("--controller", options.controller.clone());
    add("--identity", IDENTITY_DIR.to_string());
    add("--runtime-dir", RUNTIME_DIR.to_string());
    if let Some(threads) = spec.proxy.concurrency.filter(|it| *it > 0) {
        add("--concurrency", threads.to_string());
    }
    if let Some(level) = spec.proxy.logging.level.get("default") {
        add("--envoy-log-level", envoy_level(*level).to_string());
    }
    add("--drain-max", drain.max.as_secs().to_string());
    add("--drain-min", drain.min.as_secs().to_string());
    args
}

/// Envoy's own word for a level.
fn envoy_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Warn => "warning",
        other => other.as_str(),
    }
}

fn resources(options: &FleetOptions, settings: Option<&ContainerSettings>) -> Value {
    match settings.and_then(|it| it.resources.as_ref()) {
        Some(given) => Value::Object(given.0.clone()),
        None => options.resources.clone(),
    }
}

fn security_context(settings: Option<&ContainerSettings>) -> Value {
    let ours = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "privileged": false,
        "readOnlyRootFilesystem": true,
    });
    pod::with(ours, settings.and_then(|it| it.security_context.as_ref()))
}

fn probe(path: &str, period_s: u32, failures_max: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "observe", "scheme": "HTTP"},
        "periodSeconds": period_s,
        "timeoutSeconds": 1,
        "failureThreshold": failures_max,
    })
}

// === impl Drain ===

impl Drain {
    /// The longest time until the process has ended, in whole seconds.
    pub(crate) fn total_s(&self) -> u64 {
        self.max.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tag_is_what_stands_behind_the_name_of_an_image() {
        for (image, expect) in [
            ("tollgate", ""),
            ("tollgate:1.0", ":1.0"),
            ("localhost:5000/a/tollgate", ""),
            ("localhost:5000/a/tollgate:1", ":1"),
            ("a/b@sha256:00", "@sha256:00"),
            ("a/b:1@sha256:00", ":1@sha256:00"),
        ] {
            assert_eq!(tag(image), expect, "{image}");
        }
    }
}
