//! The parts of an EnvoyProxy that Kubernetes defines: whether they are what they must be.
//!
//! The schema of EnvoyProxy leaves them open. The API server would refuse the objects that are made
//! of them, for as long as they stand; here whoever wrote them is told.

use k8s_openapi::api::apps::v1::{DaemonSetUpdateStrategy, DeploymentStrategy};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscalerBehavior, MetricSpec};
use k8s_openapi::api::core::v1::{
    Affinity, Container, EnvVar, LocalObjectReference, PodSecurityContext, ResourceRequirements,
    SecurityContext, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollgate_crds::envoy_gateway::EnvoyProxySpec;
use tollgate_crds::envoy_gateway::backend_traffic_policy::{Open, OpenList};
use tollgate_crds::envoy_gateway::envoy_proxy::{ContainerSettings, PodSettings};

use crate::status::{Problem, reason};

const KUBERNETES: &str = "spec.provider.kubernetes";

/// What is wrong, by path; every fault is told.
///
/// # Errors
/// When a part is not what Kubernetes takes there.
pub(super) fn check(spec: &EnvoyProxySpec) -> Result<(), Problem> {
    let mut faults = Faults::default();
    let Some(settings) = spec.kubernetes() else {
        return Ok(());
    };
    if let Some(deployment) = &settings.envoy_deployment {
        let path = format!("{KUBERNETES}.envoyDeployment");
        faults.object::<DeploymentStrategy>(&path, "strategy", deployment.strategy.as_ref());
        faults.list::<Container>(&path, "initContainers", deployment.init_containers.as_ref());
        faults.pod(&path, deployment.pod.as_ref());
        faults.container(&path, deployment.container.as_ref());
    }
    if let Some(daemon_set) = &settings.envoy_daemon_set {
        let path = format!("{KUBERNETES}.envoyDaemonSet");
        faults.object::<DaemonSetUpdateStrategy>(&path, "strategy", daemon_set.strategy.as_ref());
        faults.pod(&path, daemon_set.pod.as_ref());
        faults.container(&path, daemon_set.container.as_ref());
    }
    if let Some(autoscaler) = &settings.envoy_hpa {
        let path = format!("{KUBERNETES}.envoyHpa");
        faults.list::<MetricSpec>(&path, "metrics", autoscaler.metrics.as_ref());
        let behavior = autoscaler.behavior.as_ref();
        faults.object::<HorizontalPodAutoscalerBehavior>(&path, "behavior", behavior);
    }
    match Problem::join(&faults.0) {
        Some(problem) => Err(problem),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Faults(Vec<Problem>);

// === impl Faults ===

impl Faults {
    fn pod(&mut self, path: &str, pod: Option<&PodSettings>) {
        let Some(pod) = pod else { return };
        let path = &format!("{path}.pod");
        self.object::<PodSecurityContext>(path, "securityContext", pod.security_context.as_ref());
        self.object::<Affinity>(path, "affinity", pod.affinity.as_ref());
        self.list::<Toleration>(path, "tolerations", pod.tolerations.as_ref());
        self.list::<Volume>(path, "volumes", pod.volumes.as_ref());
        let secrets = pod.image_pull_secrets.as_ref();
        self.list::<LocalObjectReference>(path, "imagePullSecrets", secrets);
        let spread = pod.topology_spread_constraints.as_ref();
        self.list::<TopologySpreadConstraint>(path, "topologySpreadConstraints", spread);
    }

    fn container(&mut self, path: &str, container: Option<&ContainerSettings>) {
        let Some(container) = container else { return };
        let path = &format!("{path}.container");
        self.list::<EnvVar>(path, "env", container.env.as_ref());
        self.list::<VolumeMount>(path, "volumeMounts", container.volume_mounts.as_ref());
        self.object::<ResourceRequirements>(path, "resources", container.resources.as_ref());
        let context = container.security_context.as_ref();
        self.object::<SecurityContext>(path, "securityContext", context);
    }

    fn object<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &str,
        field: &str,
        written: Option<&Open>,
    ) {
        if let Some(written) = written {
            self.note::<T>(&format!("{path}.{field}"), &written.0);
        }
    }

    fn list<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &str,
        field: &str,
        written: Option<&OpenList>,
    ) {
        let items = written.iter().flat_map(|it| &it.0).enumerate();
        for (index, item) in items {
            self.note::<T>(&format!("{path}.{field}[{index}]"), &item.0);
        }
    }

    fn note<T: Serialize + DeserializeOwned>(&mut self, path: &str, written: &Map<String, Value>) {
        if let Err(fault) = read::<T>(written) {
            let message = format!("{path}{fault}");
            self.0
                .push(Problem::new(reason::INVALID_PARAMETERS, message));
        }
    }
}

/// What is wrong with an object of a type of Kubernetes': a value, or a field that it has not.
fn read<T: Serialize + DeserializeOwned>(written: &Map<String, Value>) -> Result<(), String> {
    let written = Value::Object(written.clone());
    let object: T =
        serde_json::from_value(written.clone()).map_err(|error| format!(": {error}"))?;
    let known = serde_json::to_value(object).map_err(|error| format!(": {error}"))?;
    match unknown(&written, &known) {
        Some(field) => Err(format!("{field} is not a field of Kubernetes'")),
        None => Ok(()),
    }
}

/// Path of the first field that was lost on the way through the type.
fn unknown(written: &Value, known: &Value) -> Option<String> {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => {
            written
                .iter()
                .find_map(|(name, value)| match known.get(name) {
                    None if value.is_null() => None,
                    None => Some(format!(".{name}")),
                    Some(known) => unknown(value, known).map(|rest| format!(".{name}{rest}")),
                })
        }
        (Value::Array(written), Value::Array(known)) => written
            .iter()
            .zip(known)
            .enumerate()
            .find_map(|(index, (written, known))| {
                unknown(written, known).map(|rest| format!("[{index}]{rest}"))
            }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollgate_crds::envoy_gateway::EnvoyProxySpec;

    use super::check;

    fn fault(settings: Value) -> Option<String> {
        let provider = json!({"type": "Kubernetes", "kubernetes": settings});
        let spec: EnvoyProxySpec = serde_json::from_value(json!({"provider": provider})).unwrap();
        check(&spec).err().map(|problem| problem.message)
    }

    #[test]
    fn parts_that_kubernetes_takes_are_taken() {
        let settings = json!({
            "envoyDeployment": {
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
                "initContainers": [{"name": "a", "image": "b:1", "ports": [{"containerPort": 1}]}],
                "pod": {
                    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                        {"nodeSelectorTerms": [{"matchExpressions": [
                            {"key": "a", "operator": "In", "values": ["b"]}]}]}}},
                    "tolerations": [{"key": "a", "operator": "Exists"}],
                    "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "csi": {"driver": "x"}}],
                },
                "container": {
                    "resources": {"limits": {"cpu": 2, "memory": "1Gi"}, "requests": {"cpu": 0.5}},
                    "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                },
            },
            "envoyHpa": {"maxReplicas": 2, "behavior": {"scaleDown": {"policies": []}}},
        });
        assert_eq!(fault(settings), None);
    }

    #[test]
    fn parts_that_kubernetes_does_not_take_are_named_by_path() {
        for (settings, message) in [
            (
                json!({"envoyDeployment": {"pod": {"tolerations": [{"key": 5}]}}}),
                "spec.provider.kubernetes.envoyDeployment.pod.tolerations[0]: invalid type",
            ),
            (
                json!({"envoyDaemonSet": {"container": {"resources": {"limit": {"cpu": 1}}}}}),
                "spec.provider.kubernetes.envoyDaemonSet.container.resources.limit is not a field",
            ),
            (
                json!({"envoyDeployment": {"initContainers": [
                    {"name": "a", "env": [{"name": "b", "valu": "c"}]}]}}),
                "initContainers[0].env[0].valu is not a field",
            ),
            (
                json!({"envoyHpa": {"maxReplicas": 2, "metrics": [{"type": 1}]}}),
                "spec.provider.kubernetes.envoyHpa.metrics[0]: invalid type",
            ),
        ] {
            let told = fault(settings).unwrap();
            assert!(told.contains(message), "{told}");
        }
    }
}
