//! The Deployment or DaemonSet of the proxies.

use serde_json::{Value, json};
use tollgate_crds::envoy_gateway::envoy_proxy::{DaemonSetSettings, DeploymentSettings};
use tollgate_translate::FleetSpec;

use crate::{FleetOptions, metadata, patch, pod};

/// Old ReplicaSets that are kept: one to go back to, and one more.
const REVISIONS_KEPT: u32 = 2;

/// What of an EnvoyProxy says how the proxies are run.
pub(crate) enum Workload<'a> {
    Deployment(Option<&'a DeploymentSettings>),
    DaemonSet(&'a DaemonSetSettings),
}

/// The Deployment or DaemonSet.
pub(crate) fn render(spec: &FleetSpec, options: &FleetOptions) -> Value {
    let workload = Workload::of(spec);
    let kind = workload.kind();
    let mut object = metadata::object(spec, "apps/v1", kind, &workload.name(spec));
    object["spec"] = json!({
        "selector": {"matchLabels": metadata::selector(spec)},
        "revisionHistoryLimit": REVISIONS_KEPT,
        "template": pod::template(spec, options, &workload),
    });
    let settings = &mut object["spec"];
    let given = workload.strategy();
    // A new proxy is ready before an old one goes.
    let strategy = given.unwrap_or_else(
        || json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
    );
    match workload {
        Workload::Deployment(_) => {
            settings["strategy"] = strategy;
            if let Some(replicas) = replicas(spec, options) {
                settings["replicas"] = json!(replicas);
            }
        }
        Workload::DaemonSet(_) => settings["updateStrategy"] = strategy,
    }
    patch::apply(object, workload.patch())
}

/// How many proxies the Deployment has; `None` where an autoscaler says so, or for a DaemonSet.
pub(crate) fn replicas(spec: &FleetSpec, options: &FleetOptions) -> Option<i32> {
    let settings = spec.proxy.kubernetes();
    if settings.is_some_and(|it| it.envoy_hpa.is_some() || it.envoy_daemon_set.is_some()) {
        return None;
    }
    let deployment = settings.and_then(|it| it.envoy_deployment.as_ref());
    let replicas = deployment.and_then(|it| it.replicas);
    Some(replicas.unwrap_or(options.replicas))
}

// === impl Workload ===

impl<'a> Workload<'a> {
    pub(crate) fn of(spec: &'a FleetSpec) -> Self {
        let settings = spec.proxy.kubernetes();
        match settings.and_then(|it| it.envoy_daemon_set.as_ref()) {
            Some(daemon_set) => Self::DaemonSet(daemon_set),
            None => Self::Deployment(settings.and_then(|it| it.envoy_deployment.as_ref())),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Deployment(_) => "Deployment",
            Self::DaemonSet(_) => "DaemonSet",
        }
    }

    pub(crate) fn name(&self, spec: &FleetSpec) -> String {
        let given = match self {
            Self::Deployment(settings) => settings.and_then(|it| it.name.clone()),
            Self::DaemonSet(settings) => settings.name.clone(),
        };
        given.unwrap_or_else(|| spec.name.clone())
    }

    fn strategy(&self) -> Option<Value> {
        let given = match self {
            Self::Deployment(settings) => settings.and_then(|it| it.strategy.clone()),
            Self::DaemonSet(settings) => settings.strategy.clone(),
        };
        given.map(|it| Value::Object(it.0))
    }

    fn patch(&self) -> Option<&'a tollgate_crds::envoy_gateway::envoy_proxy::KubernetesPatch> {
        match self {
            Self::Deployment(settings) => settings.and_then(|it| it.patch.as_ref()),
            Self::DaemonSet(settings) => settings.patch.as_ref(),
        }
    }
}
