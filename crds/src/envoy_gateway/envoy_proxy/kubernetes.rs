//! Where proxies run, and as which workload.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AutoscalerSettings, ContainerSettings, DisruptionBudgetSettings, Open, PodSettings,
    ServiceSettings,
};
use crate::envoy_gateway::backend_traffic_policy::OpenList;

/// Where proxies run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyProvider {
    /// Which of the two is meant.
    #[serde(rename = "type")]
    pub type_: ProviderType,
    /// In the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesProvider>,
    /// On the machine of the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostProvider>,
}

/// Where proxies run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProviderType {
    /// In the cluster.
    Kubernetes,
    /// On the machine of the controller.
    Host,
}

/// Proxies on the machine of the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostProvider {
    /// Version of Envoy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_version: Option<String>,
}

/// Proxies in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.envoyDeployment) && has(self.envoyDaemonSet))")
    .message("only one of envoyDeployment and envoyDaemonSet can be set"))]
#[x_kube(validation = Rule::new("!(has(self.envoyHpa) && has(self.envoyDaemonSet))")
    .message("envoyHpa cannot be set with envoyDaemonSet"))]
pub struct KubernetesProvider {
    /// The Deployment; the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_deployment: Option<DeploymentSettings>,
    /// A DaemonSet instead: a proxy on each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_daemon_set: Option<DaemonSetSettings>,
    /// The Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_service: Option<ServiceSettings>,
    /// The HorizontalPodAutoscaler; it then owns the number of replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_hpa: Option<AutoscalerSettings>,
    /// Whether privileged ports are bound as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_listener_port_as_container_port: Option<bool>,
    /// The PodDisruptionBudget.
    #[serde(rename = "envoyPDB", default, skip_serializing_if = "Option::is_none")]
    pub envoy_pdb: Option<DisruptionBudgetSettings>,
    /// The ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_service_account: Option<ServiceAccountSettings>,
}

/// The Deployment of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSettings {
    /// Changes to the object that is made of all this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<KubernetesPatch>,
    /// How many proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,
    /// How old pods are replaced: a DeploymentStrategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Open>,
    /// The pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodSettings>,
    /// The proxy's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerSettings>,
    /// Containers that run before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_containers: Option<OpenList>,
    /// Name of the Deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// The DaemonSet of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DaemonSetSettings {
    /// Changes to the object that is made of all this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<KubernetesPatch>,
    /// How old pods are replaced: a DaemonSetUpdateStrategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Open>,
    /// The pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodSettings>,
    /// The proxy's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerSettings>,
    /// Name of the DaemonSet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// The ServiceAccount of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSettings {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// Changes to an object that is made for the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesPatch {
    /// How it is read; `StrategicMerge` when absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<PatchType>,
    /// The changes.
    #[schemars(schema_with = "any_value")]
    pub value: Value,
}

/// How a patch is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PatchType {
    /// As `kubectl patch --type strategic`.
    StrategicMerge,
    /// RFC 7386.
    JSONMerge,
}

/// Any JSON.
pub(super) fn any_value(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}
