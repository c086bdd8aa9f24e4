//! How hard a limit is, and what holds while nobody can say what was spent.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BudgetLimit;

/// How hard the limit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// The worst case is held before each call, so that spending never exceeds the limit.
    #[default]
    Strict,
    /// A part of the output's worst case is held before each call; the hold grows while the
    /// answer streams, and the stream is ended when it cannot.
    Overcommit,
    /// Counted and reported, never refused.
    Shadow,
}

/// How much is held before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overcommit {
    /// Percent of the output's worst case.
    #[schemars(range(min = 1, max = 99))]
    pub percent: u8,
}

/// What happens while the store of the ledger does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnStoreFailure {
    /// Requests are refused with 503 and `retry-after`.
    #[default]
    Closed,
    /// Requests are served, logged and counted.
    Open,
    /// Each replica serves requests up to `lease`, and reports them when the store is back.
    Leased,
}

/// What each replica may spend per subject and window while the store does not answer: the bound
/// is this times the replicas. The unit is that of the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "(has(self.tokens) ? 1 : 0) + (has(self.requests) ? 1 : 0) + (has(self.cost) ? 1 : 0) == 1"
).message("exactly one of tokens, requests or cost must be specified"))]
pub struct Lease {
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// Requests, for meter `Requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub requests: Option<u64>,
    /// Millionths of the currency, for meter `Money`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = BudgetLimit::COST_MAX))]
    pub cost: Option<u64>,
}
