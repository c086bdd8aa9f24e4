//! The budget inside a compact AIGatewayRoute. `controller/translate` makes a budget of it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tollgate::{Meter, SubjectKind, TokenLimit, Window};

/// What may be spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompactRateLimit {
    /// Tokens per user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_budget: Option<CompactTokenBudget>,
}

/// Tokens that each subject may spend; every limit given applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "has(self.perUser) || has(self.perSecond) || has(self.perMinute) || has(self.perHour) || has(self.perDay) || has(self.perWeek) || has(self.perMonth)"
).message("at least one of perUser, perSecond, perMinute, perHour, perDay, perWeek or perMonth must be specified"))]
#[x_kube(validation = Rule::new("!has(self.window) || has(self.perUser)")
    .message("window is the window of perUser and needs it"))]
pub struct CompactTokenBudget {
    /// Tokens per `window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_user: Option<u64>,
    /// Window of `perUser`; Day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Tokens per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u64>,
    /// Tokens per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u64>,
    /// Tokens per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u64>,
    /// Tokens per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u64>,
    /// Tokens per week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_week: Option<u64>,
    /// Tokens per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<u64>,
    /// IANA time zone in which days, weeks and months begin; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// Which tokens count.
    #[serde(default)]
    pub meter: Meter,
    /// Who pays.
    #[serde(default)]
    pub subject: SubjectKind,
}

// === impl CompactTokenBudget ===

impl CompactTokenBudget {
    /// The limits in the form of a TokenBudget, `perUser` first.
    pub fn limits(&self) -> Vec<TokenLimit> {
        let time_zone = self.time_zone.as_deref().unwrap_or("UTC");
        [
            (self.per_user, self.window.unwrap_or(Window::Day)),
            (self.per_second, Window::Second),
            (self.per_minute, Window::Minute),
            (self.per_hour, Window::Hour),
            (self.per_day, Window::Day),
            (self.per_week, Window::Week),
            (self.per_month, Window::Month),
        ]
        .into_iter()
        .filter_map(|(tokens, window)| {
            Some(TokenLimit {
                tokens: tokens?,
                window,
                time_zone: time_zone.to_string(),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CompactTokenBudget;
    use crate::tollgate::Window;

    #[test]
    fn each_amount_of_a_compact_budget_becomes_a_limit_with_its_window() {
        let limits = |budget| {
            let budget: CompactTokenBudget = serde_json::from_value(budget).unwrap();
            let limits = budget.limits().into_iter();
            limits
                .map(|l| (l.tokens, l.window, l.time_zone))
                .collect::<Vec<_>>()
        };
        let utc = || "UTC".to_string();
        assert_eq!(
            limits(json!({"perUser": 100_000, "perMinute": 10_000})),
            [
                (100_000, Window::Day, utc()),
                (10_000, Window::Minute, utc())
            ]
        );
        assert_eq!(
            limits(
                json!({"perUser": 0, "window": "Month", "timeZone": "Europe/Madrid", "perWeek": 5})
            ),
            [
                (0, Window::Month, "Europe/Madrid".to_string()),
                (5, Window::Week, "Europe/Madrid".to_string()),
            ]
        );
    }
}
