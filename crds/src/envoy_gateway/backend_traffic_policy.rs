//! BackendTrafficPolicy: how a Gateway or a route treats the traffic to its backends. Rate limits
//! are typed in full; the other fields are kept as they are written, and `translate` names them.

mod open;
mod rate_limit;
mod target;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use open::{Open, OpenList};
pub use rate_limit::{
    CostFrom, CostMetadata, CostSpecifier, GlobalRateLimit, HeaderSelector, HeaderSelectorType,
    LimitMetadata, LimitUnit, LimitValue, LocalRateLimit, MethodSelector, PathSelector,
    PathSelectorType, QuerySelector, RateLimit, RateLimitCost, RateLimitRule, RateLimitType,
    Selector, SourceSelector, SourceSelectorType, XRateLimitHeaders,
};
pub use target::{
    LabelExpression, LabelOperator, LabelSelector, NamespacesFrom, SelectedNamespaces,
    TargetSelector,
};

use super::compact_ai_gateway_route::Retry;
use crate::{PolicyStatus, PolicyTargetReference};

/// What a policy asks for.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "gateway.envoyproxy.io",
    version = "v1alpha1",
    kind = "BackendTrafficPolicy",
    plural = "backendtrafficpolicies",
    shortname = "btp",
    category = "envoy-gateway",
    namespaced,
    status = "PolicyStatus",
    derive = "PartialEq",
    doc = "How a Gateway or a route treats the traffic to its backends.",
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!(has(self.targetRef) && has(self.targetRefs)) && (has(self.targetRef) || has(self.targetRefs) || (has(self.targetSelectors) && self.targetSelectors.size() > 0))"
).message("exactly one of targetRef and targetRefs, or targetSelectors, must be set"))]
#[x_kube(validation = Rule::new(
    "!has(self.targetRef) || ((self.targetRef.group == 'gateway.networking.k8s.io' && self.targetRef.kind in ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'TCPRoute', 'UDPRoute', 'TLSRoute']) || (self.targetRef.group in ['gateway.envoyproxy.io', 'aigateway.envoyproxy.io'] && self.targetRef.kind == 'AIGatewayRoute'))"
).message("targetRef must be a Gateway, ListenerSet or route of group gateway.networking.k8s.io, or an AIGatewayRoute"))]
#[x_kube(validation = Rule::new(
    "!has(self.targetRefs) || self.targetRefs.all(t, (t.group == 'gateway.networking.k8s.io' && t.kind in ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'TCPRoute', 'UDPRoute', 'TLSRoute']) || (t.group in ['gateway.envoyproxy.io', 'aigateway.envoyproxy.io'] && t.kind == 'AIGatewayRoute'))"
).message("targetRefs must be Gateways, ListenerSets or routes of group gateway.networking.k8s.io, or AIGatewayRoutes"))]
pub struct BackendTrafficPolicySpec {
    /// The object that the policy applies to; the older spelling of `targetRefs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<PolicyTargetReference>,
    /// Objects of this namespace that the policy applies to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub target_refs: Vec<PolicyTargetReference>,
    /// Objects that the policy applies to, by their labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub target_selectors: Vec<TargetSelector>,
    /// How a policy of a route joins that of its Gateway; it replaces it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_type: Option<MergeType>,
    /// How many requests are served per unit of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// What is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission_control: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_limit: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<OpenList>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compressor: Option<OpenList>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_injection: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_upgrade: Option<OpenList>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_buffer: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_override: Option<OpenList>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_type: Option<RoutingType>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_keepalive: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Open>,
    /// Not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_client_protocol: Option<bool>,
}

/// How a policy of a route joins that of its Gateway. For what the two have in rate limits both
/// give one result: `global` and `local` are each taken whole from the route where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MergeType {
    /// As Kubernetes merges its own objects.
    StrategicMerge,
    /// As RFC 7386 merges JSON.
    JSONMerge,
}

/// Where requests are balanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RoutingType {
    /// By the cluster's network.
    Service,
    /// By the proxy.
    Endpoint,
}

// === impl BackendTrafficPolicySpec ===

impl BackendTrafficPolicySpec {
    /// The objects that the policy names, in either spelling.
    pub fn named_targets(&self) -> impl Iterator<Item = &PolicyTargetReference> {
        self.target_ref.iter().chain(&self.target_refs)
    }
}
