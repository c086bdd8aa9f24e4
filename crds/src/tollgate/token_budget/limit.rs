//! One limit of a budget: how much, per which span of time.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;

/// How much a subject may spend in one window. The unit is that of the meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "(has(self.tokens) ? 1 : 0) + (has(self.requests) ? 1 : 0) + (has(self.cost) ? 1 : 0) == 1"
).message("exactly one of tokens, requests or cost must be specified"))]
#[x_kube(validation = Rule::new("has(self.duration) == (self.window == 'Sliding')")
    .message("duration is required for window Sliding, and only for it"))]
#[x_kube(validation = Rule::new(
    "!has(self.duration) || (duration(self.duration) >= duration('1s') && duration(self.duration) <= duration('8784h'))"
).message("duration must be at least 1s and at most 8784h (366 days)"))]
#[x_kube(validation = Rule::new("!has(self.timeZone) || !(self.window in ['Lifetime', 'Sliding'])")
    .message("timeZone is for windows of the calendar: not for Lifetime and Sliding"))]
pub struct BudgetLimit {
    /// Tokens per window; 0 refuses every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Requests per window, for meter `Requests`; 0 refuses every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Money per window, for meter `Money`, in millionths of the currency: 5000000 is 5 dollars.
    /// 0 refuses every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = BudgetLimit::COST_MAX))]
    pub cost: Option<u64>,
    /// Which span of time counts.
    pub window: Window,
    /// Length of a window `Sliding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// IANA time zone in which days, weeks, months and years begin; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

/// Which span of time counts towards a limit.
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
    /// A calendar year.
    Year,
    /// All time: never starts anew.
    Lifetime,
    /// The time just past, of the length that `duration` says.
    Sliding,
}

// === impl BudgetLimit ===

impl BudgetLimit {
    /// Most millionths of a currency that the ledger, which counts in millionths of those, can
    /// hold.
    pub const COST_MAX: u64 = i64::MAX as u64 / 1_000_000;

    /// Bounds of a sliding window in milliseconds: a second, and 366 days.
    pub const SLIDING_MS: std::ops::RangeInclusive<u64> = 1_000..=366 * 24 * 60 * 60 * 1_000;
}
