//! TokenBudget: how many tokens each subject may spend per window.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ObjectStatus, PolicyTargetReference};

/// Tokens that each subject may spend; all limits apply together.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "tollgate.dev",
    version = "v1alpha1",
    kind = "TokenBudget",
    plural = "tokenbudgets",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    category = "tollgate",
    doc = "How many tokens each subject may spend per window of time.",
    label("gateway.networking.k8s.io/policy", "direct"),
    printcolumn(name = "Subject", type_ = "string", json_path = ".spec.subject"),
    printcolumn(name = "Meter", type_ = "string", json_path = ".spec.meter"),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[-1:].type"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct TokenBudgetSpec {
    /// Gateways and AI routes of this namespace that the budget applies to; when empty, every AI
    /// route of the namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new(
        "self.all(t, (t.group == 'gateway.networking.k8s.io' && t.kind == 'Gateway') || (t.group in ['gateway.envoyproxy.io', 'aigateway.envoyproxy.io'] && t.kind == 'AIGatewayRoute'))"
    ).message("targetRefs must be a Gateway of group gateway.networking.k8s.io or an AIGatewayRoute of group gateway.envoyproxy.io or aigateway.envoyproxy.io"))]
    pub target_refs: Vec<PolicyTargetReference>,
    /// Who pays.
    #[serde(default)]
    pub subject: SubjectKind,
    /// Limits that all apply together.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub limits: Vec<TokenLimit>,
    /// Which tokens count.
    #[serde(default)]
    pub meter: Meter,
    /// How hard the limit is.
    #[serde(default)]
    pub mode: Mode,
    /// What happens to requests while the store of the ledger does not answer.
    #[serde(default)]
    pub on_store_failure: OnStoreFailure,
}

/// Tokens per window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenLimit {
    /// Tokens that a subject may spend in one window; 0 refuses every request.
    pub tokens: u64,
    /// Length of the window, aligned to the calendar.
    pub window: Window,
    /// IANA time zone in which days, weeks and months begin.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

/// A fixed window aligned to the calendar of a time zone.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Window {
    /// Starts with each second.
    Second,
    /// Starts with each minute.
    Minute,
    /// Starts with each hour of the zone's civil time.
    Hour,
    /// Starts at local midnight.
    Day,
    /// Starts on Monday at local midnight.
    Week,
    /// A calendar month.
    Month,
}

/// Who pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SubjectKind {
    /// Each consumer.
    #[default]
    User,
    /// Each team of consumers.
    Team,
    /// Each organisation of consumers.
    Org,
    /// Each single key.
    Key,
    /// Everybody together.
    Shared,
}

/// Which tokens count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Meter {
    /// Input and output.
    #[default]
    Total,
    /// Prompt tokens, cached ones included.
    Input,
    /// Completion tokens, reasoning included.
    Output,
}

/// How hard the limit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// The worst case is held before each call, so that spending never exceeds the limit.
    #[default]
    Strict,
}

/// What happens while the store of the ledger does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnStoreFailure {
    /// Requests are refused with 503 and `retry-after`.
    #[default]
    Closed,
    /// Requests are served, logged and counted.
    Open,
}

fn utc() -> String {
    "UTC".to_string()
}
