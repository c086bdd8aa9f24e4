//! AIGatewayRoute: which AIServiceBackends answer which requests.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BodyMutation, HeaderMutation};
use crate::{Duration, ParentReference, RouteStatus};

/// Rules of one route.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "aigateway.envoyproxy.io",
    version = "v1beta1",
    kind = "AIGatewayRoute",
    plural = "aigatewayroutes",
    category = "envoy-ai-gateway",
    namespaced,
    status = "RouteStatus",
    derive = "PartialEq",
    doc = "Which AIServiceBackends answer which requests.",
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AIGatewayRouteSpec {
    /// Gateways to attach to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self.all(p, !has(p.kind) || p.kind == 'Gateway')")
        .message("only Gateway is supported"))]
    pub parent_refs: Vec<ParentReference>,
    /// Hosts that clients call; every host of the listener when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 253), regex(pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub hostnames: Vec<String>,
    /// Rules; the most specific match wins, as in an HTTPRoute.
    #[schemars(length(max = 15), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new(
        "self.all(r, !has(r.name) || self.exists_one(o, has(o.name) && o.name == r.name))"
    ).message("rule name must be unique within the route"))]
    #[x_kube(validation = Rule::new("self.all(r, !has(r.name) || r.name != 'route-not-found')")
        .message("rule name route-not-found is reserved"))]
    pub rules: Vec<RouteRule>,
    /// Costs of each request, for rate limits and access logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 36), extend("x-kubernetes-list-type" = "atomic"))]
    pub llm_request_costs: Vec<LlmRequestCost>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// Name that policies refer to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: Option<String>,
    /// Any of these selects the rule; every request when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    pub matches: Vec<RuleMatch>,
    /// Who answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new("self.all(r, has(r.kind)) || self.all(r, !has(r.kind))")
        .message("cannot mix InferencePool and AIServiceBackend references in the same rule"))]
    #[x_kube(validation = Rule::new("self.filter(r, has(r.kind)).size() <= 1")
        .message("only one InferencePool backend is allowed per rule"))]
    pub backend_refs: Vec<BackendRef>,
    /// How long to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<RuleTimeouts>,
    /// Longest silence of a provider: before the first byte the next backend is tried, later the
    /// answer ends with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_idle_timeout: Option<Duration>,
    /// `owned_by` of this rule's models in `GET /v1/models`.
    #[serde(default = "models_owned_by")]
    #[schemars(length(max = 253))]
    pub models_owned_by: String,
    /// `created` of this rule's models in `GET /v1/models`; when the route was made if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models_created_at: Option<Time>,
}

/// Header conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleMatch {
    /// Conditions; `x-ai-eg-model` is the `model` of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub headers: Vec<HeaderMatch>,
}

/// One header condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatch {
    /// How the value is compared.
    #[serde(rename = "type", default)]
    pub type_: HeaderMatchType,
    /// Name, in any case.
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$")
    )]
    pub name: String,
    /// Value or regular expression.
    #[schemars(length(min = 1, max = 4096))]
    pub value: String,
}

/// How a header value is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HeaderMatchType {
    /// Byte for byte.
    #[default]
    Exact,
    /// The whole value matches an RE2 expression.
    RegularExpression,
}

/// A backend of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.group) == has(self.kind)")
    .message("group and kind must be specified together"))]
#[x_kube(validation = Rule::new(
    "!has(self.group) || !has(self.kind) || (self.group == 'inference.networking.k8s.io' && self.kind == 'InferencePool')"
).message("only InferencePool of group inference.networking.k8s.io is supported when group and kind are specified"))]
pub struct BackendRef {
    /// Name of an AIServiceBackend (or InferencePool).
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of it; the route's own when absent. Another one needs a ReferenceGrant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Group; absent for an AIServiceBackend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// Kind; absent for an AIServiceBackend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Model asked of the provider instead of the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub model_name_override: Option<String>,
    /// Headers to change for this backend; wins over the AIServiceBackend's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_mutation: Option<HeaderMutation>,
    /// Body fields to change for this backend; wins over the AIServiceBackend's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_mutation: Option<BodyMutation>,
    /// Share among the backends of the same priority.
    #[serde(default = "one")]
    #[schemars(range(max = 1_000_000))]
    pub weight: u32,
    /// Lower is tried first.
    #[serde(default)]
    pub priority: u32,
}

/// How long to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleTimeouts {
    /// For the whole answer; 60 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Duration>,
    /// For each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_request: Option<Duration>,
}

/// A cost of each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type != 'CEL' || (has(self.cel) && self.cel != '')")
    .message("cel must be specified when type is CEL"))]
pub struct LlmRequestCost {
    /// Key under which the cost is kept.
    #[schemars(length(min = 1, max = 253))]
    pub metadata_key: String,
    /// What is counted.
    #[serde(rename = "type")]
    pub type_: CostType,
    /// Expression, for type `CEL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub cel: Option<String>,
}

/// What a cost counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CostType {
    /// Completion tokens.
    OutputToken,
    /// Prompt tokens.
    InputToken,
    /// Prompt tokens read from a cache.
    CachedInputToken,
    /// Prompt tokens written to a cache.
    CacheCreationInputToken,
    /// Prompt and completion tokens.
    TotalToken,
    /// Completion tokens spent on reasoning.
    ReasoningToken,
    /// An expression over these.
    CEL,
}

fn one() -> u32 {
    1
}

fn models_owned_by() -> String {
    "Envoy AI Gateway".to_string()
}
