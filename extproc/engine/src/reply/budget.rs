//! Answers about budgets: denied, not enforceable, not decidable; and what is left.

use tollgate_budget::{AccountState, Denial};
use tollgate_bundle::WindowKind;

use super::{Reply, reset_text};
use crate::{
    charge::{Due, NoSubject, Refused, Unit, window_text},
    subject::Lacking,
};

/// Seconds after which a client should try again when the budget store does not answer.
const STORE_RETRY_AFTER_S: u64 = 1;

// === impl Reply ===

impl Reply {
    pub(crate) fn missing_budget(route: &str, budget: &str) -> Self {
        Self::error(
            500,
            "missing_budget",
            "server_error",
            Some("route_misconfigured"),
            format!(
                "route {route} names budget {budget}, which is not defined; a budget that cannot be enforced refuses"
            ),
        )
    }

    pub(crate) fn no_subject(missing: &NoSubject) -> Self {
        let message = format!("budget {} {}", missing.budget, missing.lacks);
        match missing.lacks {
            // The operator's fault: no caller could do better.
            Lacking::Unknown(_) => Self::error(
                500,
                "unknown_budget_subject",
                "server_error",
                Some("route_misconfigured"),
                message,
            ),
            _ => Self::error(
                403,
                "no_budget_subject",
                "invalid_request_error",
                Some("budget_subject_missing"),
                message,
            ),
        }
    }

    pub(crate) fn not_measured(refused: &Refused) -> Self {
        let message = format!("budget {} {}", refused.budget, refused.why);
        Self::error(
            500,
            "budget_not_measured",
            "server_error",
            Some("route_misconfigured"),
            message,
        )
    }

    pub(crate) fn budget_denied(due: &Due, denial: &Denial) -> Self {
        let state = &denial.state;
        let account = &due.account;
        let unit = due.budget.meter.unit();
        let kind = match unit {
            Unit::Tokens => "token budget",
            Unit::Requests => "request budget",
            Unit::Cost => "budget",
            Unit::Money(_) => "money budget",
        };
        let granted = match state.granted {
            0 => String::new(),
            granted => format!(" (and {} granted)", unit.text(granted)),
        };
        let (span, end) = match (account.window, state.resets_in_ms()) {
            (WindowKind::Sliding(ms), reset) => (
                format!("in the last {}", reset_text(ms)),
                format!("all of it is free in {}", reset_text(reset.unwrap_or(0))),
            ),
            (_, None) => ("in all".to_string(), "it never starts anew".to_string()),
            (window, Some(ms)) => (
                format!("per {}", window_text(window)),
                format!("the window ends in {}", reset_text(ms)),
            ),
        };
        let message = format!(
            "{kind} {} is exhausted for {}: {} of {}{granted} {span} are used and {} are held by requests in flight; this request needs at least {}; {end}",
            account.budget,
            account.subject,
            bare(&unit, state.settled),
            unit.text(state.limit),
            bare(&unit, state.held),
            bare(&unit, denial.needed),
        );
        let r#type = match unit {
            Unit::Requests => "requests",
            Unit::Tokens | Unit::Cost | Unit::Money(_) => "tokens",
        };
        let mut reply = Self::error(
            429,
            "budget_denied",
            r#type,
            Some("rate_limit_exceeded"),
            message,
        );
        if denial.retry_ms != u64::MAX {
            let seconds = denial.retry_ms.div_ceil(1000).max(1);
            reply = reply.with("retry-after", seconds.to_string());
        }
        reply.headers.extend(rate_limit_headers(&unit, state));
        reply
    }

    pub(crate) fn store_failed() -> Self {
        Self::error(
            503,
            "budget_store_failed",
            "server_error",
            Some("budget_store_unavailable"),
            "the budgets of this request cannot be checked right now".into(),
        )
        .with("retry-after", STORE_RETRY_AFTER_S.to_string())
    }
}

/// An amount without its unit, money apart.
fn bare(unit: &Unit, amount: u64) -> String {
    match unit {
        Unit::Money(_) => unit.text(amount),
        Unit::Tokens | Unit::Requests | Unit::Cost => amount.to_string(),
    }
}

/// `x-ratelimit-*-tokens` or `-requests` for one account, as OpenAI names and writes them; other
/// units have no such headers.
pub(crate) fn rate_limit_headers(
    unit: &Unit,
    state: &AccountState,
) -> impl Iterator<Item = (&'static str, String)> {
    let names = match unit {
        Unit::Tokens => Some([
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
        ]),
        Unit::Requests => Some([
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ]),
        Unit::Cost | Unit::Money(_) => None,
    };
    let limit = state.limit.saturating_add(state.granted);
    let reset = state.resets_in_ms().map(reset_text);
    let headers = names.map(|[of_limit, left, of_reset]| {
        [
            Some((of_limit, limit.to_string())),
            Some((left, state.remaining().to_string())),
            reset.map(|reset| (of_reset, reset)),
        ]
    });
    headers.into_iter().flatten().flatten()
}
