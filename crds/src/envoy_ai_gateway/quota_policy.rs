//! QuotaPolicy: how much of an AIServiceBackend's quota may be spent, by model.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::envoy_gateway::backend_traffic_policy::HeaderSelector;
use crate::{ObjectStatus, PolicyTargetReference};

/// Quotas of the targets.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "aigateway.envoyproxy.io",
    version = "v1alpha1",
    kind = "QuotaPolicy",
    plural = "quotapolicies",
    category = "envoy-ai-gateway",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    doc = "How much of an AIServiceBackend's quota may be spent, by model.",
    label("gateway.networking.k8s.io/policy", "direct"),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct QuotaPolicySpec {
    /// AIServiceBackends of this namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new(
        "self.all(t, t.group == 'aigateway.envoyproxy.io' && t.kind == 'AIServiceBackend')"
    ).message("targetRefs must be AIServiceBackends of group aigateway.envoyproxy.io"))]
    pub target_refs: Vec<PolicyTargetReference>,
    /// Quota of all models together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_quota: Option<ServiceQuota>,
    /// Quotas of single models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    pub per_model_quotas: Vec<ModelQuota>,
}

/// Quota of all models together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceQuota {
    /// CEL expression over the token counts; `total_tokens` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub cost_expression: Option<String>,
    /// How much.
    pub quota: QuotaValue,
}

/// Quota of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelQuota {
    /// Name of the model as the provider is asked for it.
    #[schemars(length(min = 1, max = 256))]
    pub model_name: String,
    /// How much.
    pub quota: ModelQuotaDefinition,
}

/// How much of one model may be spent, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.defaultBucket) || (has(self.bucketRules) && self.bucketRules.size() > 0)")
    .message("at least one of defaultBucket and bucketRules must be set"))]
pub struct ModelQuotaDefinition {
    /// CEL expression over the token counts; `total_tokens` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub cost_expression: Option<String>,
    /// How the buckets work together.
    #[serde(default)]
    pub mode: QuotaMode,
    /// For every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_bucket: Option<QuotaValue>,
    /// For requests with certain headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub bucket_rules: Vec<BucketRule>,
}

/// How the buckets of a model work together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum QuotaMode {
    /// A request is charged to every bucket that selects it, and served while any has room.
    #[default]
    Shared,
}

/// A bucket for requests with certain headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketRule {
    /// Conditions that must all hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub client_selectors: Vec<QuotaSelector>,
    /// How much.
    pub quota: QuotaValue,
    /// Whether the bucket only counts and never refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_mode: Option<bool>,
}

/// Conditions on headers that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaSelector {
    /// Conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    pub headers: Vec<HeaderSelector>,
}

/// How much, per span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaValue {
    /// Units of the cost expression.
    pub limit: u64,
    /// Span of time.
    pub duration: QuotaDuration,
}

/// Spans of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum QuotaDuration {
    /// A second.
    #[serde(rename = "1s")]
    Second,
    /// A minute.
    #[serde(rename = "1m")]
    Minute,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
    /// A day.
    #[serde(rename = "1d")]
    Day,
}
