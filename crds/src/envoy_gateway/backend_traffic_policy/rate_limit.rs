//! Rate limits of a BackendTrafficPolicy, in Envoy Gateway's spelling (v1.9).
//!
//! One reading is ours: a header selector of type `Exact` without a value means that the header is
//! there, and with `invert` that it is not. Envoy Gateway refuses it; people write it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits that all replicas share, and limits of each proxy alone; both may be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Which of the two is meant; deprecated, since the fields say so themselves.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<RateLimitType>,
    /// Counted by the rate limit service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<GlobalRateLimit>,
    /// Counted in each proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalRateLimit>,
}

/// Which rate limits are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RateLimitType {
    /// `global`
    Global,
    /// `local`
    Local,
}

/// Limits that all replicas share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GlobalRateLimit {
    /// Every rule that selects a request counts it, and any of them can refuse it.
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "atomic"))]
    pub rules: Vec<RateLimitRule>,
}

/// Limits of each proxy alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRateLimit {
    /// Of several rules that select a request the strictest holds; the rule without selectors is
    /// for requests that no other rule selects.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub rules: Vec<RateLimitRule>,
}

/// Which requests are counted, and how many may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitRule {
    /// Conditions that must all hold; none selects every request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub client_selectors: Vec<Selector>,
    /// How many.
    pub limit: LimitValue,
    /// What a request counts; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<RateLimitCost>,
    /// Whether all routes that the policy applies to share one counter, instead of one each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    /// Whether the rule only counts and never refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_mode: Option<bool>,
    /// `x-ratelimit-*` headers of this rule's state; on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_rate_limit_headers: Option<XRateLimitHeaders>,
}

/// Conditions on a request that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "has(self.headers) || has(self.methods) || has(self.path) || has(self.sourceCIDR) || has(self.queryParams)"
).message("at least one of headers, methods, path, sourceCIDR and queryParams must be set"))]
pub struct Selector {
    /// Conditions on headers; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "atomic"))]
    pub headers: Vec<HeaderSelector>,
    /// Conditions on the method; any must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub methods: Vec<MethodSelector>,
    /// Condition on the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathSelector>,
    /// Condition on the client's address.
    #[serde(
        rename = "sourceCIDR",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub source_cidr: Option<SourceSelector>,
    /// Conditions on query parameters; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub query_params: Vec<QuerySelector>,
}

/// A condition on a header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderSelector {
    /// How the value is compared.
    #[serde(rename = "type", default)]
    pub type_: HeaderSelectorType,
    /// Name, in any case.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Value or expression; `Exact` without one means that the header is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
    /// Whether the opposite is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HeaderSelectorType {
    /// Byte for byte.
    #[default]
    Exact,
    /// The whole value matches an RE2 expression.
    RegularExpression,
    /// Any value, and each has a counter of its own.
    Distinct,
}

/// A condition on the method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MethodSelector {
    /// Upper-case method.
    #[schemars(length(min = 1, max = 16), regex(pattern = r"^[A-Z]+$"))]
    pub value: String,
    /// Whether any other method is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// A condition on the path, without its query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathSelector {
    /// How the path is compared.
    #[serde(rename = "type", default)]
    pub type_: PathSelectorType,
    /// Path or expression.
    #[serde(default = "slash")]
    #[schemars(length(max = 1024))]
    pub value: String,
    /// Whether any other path is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// How a path is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PathSelectorType {
    /// Byte for byte.
    Exact,
    /// By whole segments from the left.
    #[default]
    PathPrefix,
    /// The whole path matches an RE2 expression.
    RegularExpression,
}

/// A condition on the client's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceSelector {
    /// Whether the addresses of the range share a counter.
    #[serde(rename = "type", default)]
    pub type_: SourceSelectorType,
    /// Range: `192.168.0.0/24`, `2001:db8::/64`.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
    /// Whether any address outside the range is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// Whether the addresses of a range share a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceSelectorType {
    /// They do.
    #[default]
    Exact,
    /// Each has its own.
    Distinct,
}

/// A condition on a query parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuerySelector {
    /// How the value is compared.
    #[serde(rename = "type", default)]
    pub type_: HeaderSelectorType,
    /// Name, in this case.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Value or expression; `Exact` without one means that the parameter is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
    /// Whether the opposite is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// How many, per unit of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitValue {
    /// How many; 0 refuses every request.
    pub requests: u32,
    /// Unit of time.
    pub unit: LimitUnit,
    /// Where a filter before has put another limit for this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_metadata: Option<LimitMetadata>,
}

/// Dynamic metadata with a limit: `{requests_per_unit, unit}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitMetadata {
    /// Namespace of the metadata.
    #[schemars(length(min = 1, max = 253))]
    pub namespace: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "units of time")]
pub enum LimitUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What a request counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitCost {
    /// Before it is served; 1 when absent, and 0 only asks whether there is room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<CostSpecifier>,
    /// When its answer has ended; nothing when absent. Global rules only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<CostSpecifier>,
}

/// Where a cost comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.number) && has(self.metadata))")
    .message("only one of number and metadata can be set"))]
#[x_kube(validation = Rule::new("self.from == 'Number' ? has(self.number) : has(self.metadata)")
    .message("from Number needs number, from Metadata needs metadata"))]
pub struct CostSpecifier {
    /// Which of the two.
    pub from: CostFrom,
    /// A fixed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000_000))]
    pub number: Option<u64>,
    /// A number that a filter has put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<CostMetadata>,
}

/// Where a cost comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CostFrom {
    /// `number`
    Number,
    /// `metadata`
    Metadata,
}

/// Dynamic metadata with a cost: `io.envoy.ai_gateway` has those of `llmRequestCosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CostMetadata {
    /// Namespace of the metadata.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[^:%()]+$"))]
    pub namespace: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[^:%()]+$"))]
    pub key: String,
}

/// `x-ratelimit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum XRateLimitHeaders {
    /// None.
    Off,
    /// As the third draft of the RFC has them.
    DraftVersion03,
}

fn slash() -> String {
    "/".to_string()
}
