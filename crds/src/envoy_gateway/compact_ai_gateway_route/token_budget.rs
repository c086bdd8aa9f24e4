//! The budget inside a compact AIGatewayRoute. `controller/translate` makes a budget of it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tollgate::{BudgetLimit, Meter, SubjectKind, Window};

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
#[x_kube(validation = Rule::new("!has(self.window) || self.window != 'Sliding'")
    .message("window Sliding is only for a TokenBudget"))]
#[x_kube(validation = Rule::new("!(self.meter in ['Requests', 'Expression', 'Money'])")
    .message("meter Requests, Expression and Money are only for a TokenBudget"))]
#[x_kube(validation = Rule::new("!(self.subject in ['Header', 'JWTClaim', 'ClientCertificate'])")
    .message("subject Header, JWTClaim and ClientCertificate are only for a TokenBudget"))]
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
    /// The limits in the form of a TokenBudget, `perUser` first, each with the field it is from.
    pub fn limits(&self) -> Vec<(&'static str, BudgetLimit)> {
        [
            ("perUser", self.per_user, self.window.unwrap_or(Window::Day)),
            ("perSecond", self.per_second, Window::Second),
            ("perMinute", self.per_minute, Window::Minute),
            ("perHour", self.per_hour, Window::Hour),
            ("perDay", self.per_day, Window::Day),
            ("perWeek", self.per_week, Window::Week),
            ("perMonth", self.per_month, Window::Month),
        ]
        .into_iter()
        .filter_map(|(field, tokens, window)| {
            let limit = BudgetLimit {
                tokens: Some(tokens?),
                requests: None,
                cost: None,
                window,
                duration: None,
                time_zone: self
                    .time_zone
                    .clone()
                    .filter(|_| window != Window::Lifetime),
            };
            Some((field, limit))
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
                .map(|(_, l)| (l.tokens.unwrap(), l.window, l.time_zone))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            limits(json!({"perUser": 100_000, "perMinute": 10_000})),
            [(100_000, Window::Day, None), (10_000, Window::Minute, None)]
        );
        assert_eq!(
            limits(
                json!({"perUser": 0, "window": "Month", "timeZone": "Europe/Madrid", "perWeek": 5})
            ),
            [
                (0, Window::Month, Some("Europe/Madrid".to_string())),
                (5, Window::Week, Some("Europe/Madrid".to_string())),
            ]
        );
        let budget: CompactTokenBudget =
            serde_json::from_value(json!({"perUser": 1, "perHour": 2})).unwrap();
        let fields: Vec<_> = budget
            .limits()
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(fields, ["perUser", "perHour"]);
        assert_eq!(
            limits(json!({"perUser": 7, "window": "Lifetime", "timeZone": "Europe/Madrid"})),
            [(7, Window::Lifetime, None)]
        );
    }
}
