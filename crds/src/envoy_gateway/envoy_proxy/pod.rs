//! The pods of the proxies, and the proxy's container in them.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Open;
use crate::envoy_gateway::backend_traffic_policy::OpenList;

/// The pods of the proxies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodSettings {
    /// More annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// More labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// PodSecurityContext, over ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Open>,
    /// Affinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Open>,
    /// Taints that are tolerated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<OpenList>,
    /// More volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<OpenList>,
    /// Secrets to pull images with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secrets: Option<OpenList>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// How pods spread over nodes and zones, instead of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_spread_constraints: Option<OpenList>,
    /// Priority class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub priority_class_name: Option<String>,
}

/// The proxy's container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.image) || !has(self.imageRepository)")
    .message("only one of image and imageRepository can be set"))]
pub struct ContainerSettings {
    /// More environment variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<OpenList>,
    /// ResourceRequirements, instead of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Open>,
    /// SecurityContext, over ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Open>,
    /// Image, instead of Tollgate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(
        "self.matches('^[a-zA-Z0-9._-]+(:[0-9]+)?(/[a-zA-Z0-9._/-]+)?(:[a-zA-Z0-9._-]+)?(@sha256:[a-z0-9]+)?$')"
    ).message("image must be registry/name:tag, with @sha256:digest if wished"))]
    #[schemars(length(max = 1024))]
    pub image: Option<String>,
    /// Repository of the image; the tag stays Tollgate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(
        "self.matches('^[a-zA-Z0-9._-]+(:[0-9]+)?[a-zA-Z0-9._/-]+$')"
    ).message("imageRepository must be registry/name without a tag"))]
    #[schemars(length(max = 1024))]
    pub image_repository: Option<String>,
    /// More mounts of volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_mounts: Option<OpenList>,
}
