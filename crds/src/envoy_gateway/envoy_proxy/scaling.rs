//! How many proxies there are, and how many may be away.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{KubernetesPatch, Open};
use crate::envoy_gateway::backend_traffic_policy::OpenList;

/// The HorizontalPodAutoscaler of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.minReplicas) || self.maxReplicas >= self.minReplicas")
    .message("maxReplicas cannot be less than minReplicas"))]
pub struct AutoscalerSettings {
    /// Fewest proxies; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_replicas: Option<i32>,
    /// Most proxies.
    #[schemars(range(min = 1))]
    pub max_replicas: i32,
    /// What is measured; 80 % of the requested processor time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<OpenList>,
    /// How fast the number changes: a HorizontalPodAutoscalerBehavior.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Open>,
    /// Changes to the object that is made of all this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<KubernetesPatch>,
    /// Name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// The PodDisruptionBudget of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.minAvailable) != has(self.maxUnavailable)")
    .message("exactly one of minAvailable and maxUnavailable must be set"))]
pub struct DisruptionBudgetSettings {
    /// How many must stay: a number or a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrString>,
    /// How many may be away: a number or a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// Changes to the object that is made of all this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<KubernetesPatch>,
    /// Name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}
