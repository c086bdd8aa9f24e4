//! The Service in front of the proxies.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::KubernetesPatch;

/// The Service in front of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(self.allocateLoadBalancerNodePorts) || self.type == 'LoadBalancer'"
).message("allocateLoadBalancerNodePorts can only be set for type LoadBalancer"))]
#[x_kube(validation = Rule::new(
    "!has(self.loadBalancerSourceRanges) || self.type == 'LoadBalancer'"
).message("loadBalancerSourceRanges can only be set for type LoadBalancer"))]
#[x_kube(validation = Rule::new("!has(self.loadBalancerIP) || self.type == 'LoadBalancer'")
    .message("loadBalancerIP can only be set for type LoadBalancer"))]
pub struct ServiceSettings {
    /// More annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// More labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How the Service is reached.
    #[serde(rename = "type", default)]
    pub type_: ServiceType,
    /// Which load balancer serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 316))]
    pub load_balancer_class: Option<String>,
    /// Whether ports of nodes are taken for a load balancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// Client networks that the load balancer lets in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub load_balancer_source_ranges: Vec<String>,
    /// Address that the load balancer is asked for.
    #[serde(
        rename = "loadBalancerIP",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(regex(
        pattern = r"^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$"
    ))]
    pub load_balancer_ip: Option<String>,
    /// Which proxies traffic from outside may reach.
    #[serde(default)]
    pub external_traffic_policy: ExternalTrafficPolicy,
    /// Changes to the object that is made of all this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<KubernetesPatch>,
    /// Name of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,
}

/// How a Service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// From inside the cluster.
    ClusterIP,
    /// Through a load balancer outside the cluster.
    #[default]
    LoadBalancer,
    /// By a port of each node.
    NodePort,
}

/// Which proxies traffic from outside may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// Those of the node that it came to; the client's address is kept.
    #[default]
    Local,
    /// All.
    Cluster,
}
