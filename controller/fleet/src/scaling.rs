//! How many proxies there are, and how many may be away at once.

use serde_json::{Value, json};
use tollgate_crds::envoy_gateway::envoy_proxy::{AutoscalerSettings, DisruptionBudgetSettings};
use tollgate_translate::FleetSpec;

use crate::workload::{self, Workload};
use crate::{FleetOptions, metadata, patch};

/// What is measured where an EnvoyProxy does not say: percent of the requested processor time.
const CPU_PERCENT: u32 = 80;

/// The PodDisruptionBudget: as the EnvoyProxy says, else one proxy may be away where there are
/// several. With one proxy there is none: it would keep its node from being drained for ever.
pub(crate) fn disruption_budget(spec: &FleetSpec, options: &FleetOptions) -> Option<Value> {
    let settings = spec.proxy.kubernetes();
    let given = settings.and_then(|it| it.envoy_pdb.clone());
    let several = match settings.and_then(|it| it.envoy_hpa.as_ref()) {
        Some(autoscaler) => autoscaler.min_replicas.is_some_and(|it| it > 1),
        None => workload::replicas(spec, options).is_some_and(|it| it > 1),
    };
    let mut limits = json!({"selector": {"matchLabels": metadata::selector(spec)}});
    match &given {
        Some(DisruptionBudgetSettings {
            min_available,
            max_unavailable,
            patch: _,
            name: _,
        }) => {
            if let Some(min) = min_available {
                limits["minAvailable"] = json!(min);
            }
            if let Some(max) = max_unavailable {
                limits["maxUnavailable"] = json!(max);
            }
        }
        None if several => limits["maxUnavailable"] = json!(1),
        None => return None,
    }
    let given = given.unwrap_or_default();
    let name = given.name.unwrap_or_else(|| spec.name.clone());
    let mut budget = metadata::object(spec, "policy/v1", "PodDisruptionBudget", &name);
    budget["spec"] = limits;
    Some(patch::apply(budget, given.patch.as_ref()))
}

/// The HorizontalPodAutoscaler, where the EnvoyProxy asks for one.
pub(crate) fn autoscaler(spec: &FleetSpec) -> Option<Value> {
    let AutoscalerSettings {
        min_replicas,
        max_replicas,
        metrics,
        behavior,
        patch,
        name,
    } = spec.proxy.kubernetes()?.envoy_hpa.as_ref()?;
    let name = name.clone().unwrap_or_else(|| spec.name.clone());
    let target = Workload::of(spec);
    let mut scaler = metadata::object(spec, "autoscaling/v2", "HorizontalPodAutoscaler", &name);
    scaler["spec"] = json!({
        "scaleTargetRef": {
            "apiVersion": "apps/v1", "kind": target.kind(), "name": target.name(spec)},
        "maxReplicas": max_replicas,
        "metrics": metrics.as_ref().map_or_else(processor_time, crate::pod::list),
    });
    if let Some(min) = min_replicas {
        scaler["spec"]["minReplicas"] = json!(min);
    }
    if let Some(behavior) = behavior {
        scaler["spec"]["behavior"] = Value::Object(behavior.0.clone());
    }
    Some(patch::apply(scaler, patch.as_ref()))
}

fn processor_time() -> Value {
    json!([{
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": CPU_PERCENT},
        },
    }])
}
