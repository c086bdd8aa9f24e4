//! The compact AIGatewayRoute: providers, fallback order and budget in one object.
//!
//! It shares its kind's name with `aigateway.envoyproxy.io`'s AIGatewayRoute and is another
//! kind: the group tells them apart.

mod backend;
mod provider;
mod retry;
mod token_budget;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use backend::{CompactAuth, CompactAuthType, CompactBackend, CompactKeyReference};
pub use provider::{Provider, ProviderApi};
pub use retry::{
    BackOff, PerRetry, ResolvedRetry, Retry, RetryOn, RetryOnConditions, RetryOnItem, RetryTrigger,
};
pub use token_budget::{CompactRateLimit, CompactTokenBudget};

use crate::{Duration, ParentReference, RouteStatus};

/// Providers that together answer one set of models.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "gateway.envoyproxy.io",
    version = "v1alpha1",
    kind = "AIGatewayRoute",
    root = "CompactAIGatewayRoute",
    plural = "aigatewayroutes",
    category = "tollgate",
    namespaced,
    status = "RouteStatus",
    derive = "PartialEq",
    doc = "LLM providers in fallback order, with a token budget.",
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct CompactAIGatewayRouteSpec {
    /// Gateways to attach to; when empty, every Gateway of the namespace that Tollgate manages.
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
        extend("x-kubernetes-list-type" = "set")
    )]
    pub hostnames: Vec<String>,
    /// Who answers; names are unique.
    #[schemars(
        length(min = 1, max = 128),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub backends: Vec<CompactBackend>,
    /// When the next backend is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<CompactTimeouts>,
    /// What may be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<CompactRateLimit>,
    /// How many output tokens to count on before an answer is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<OutputTokens>,
}

/// How long to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompactTimeouts {
    /// For the whole answer, retries included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Duration>,
    /// For each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_try: Option<Duration>,
    /// Between two bytes of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_idle: Option<Duration>,
}

/// Output tokens counted on when the client names no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputTokens {
    /// Assumed, and asked of the provider, when the client names no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub default: Option<u64>,
    /// A request that can afford fewer output tokens is refused instead of shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub minimum: Option<u64>,
}
