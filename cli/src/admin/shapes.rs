//! What `/v1/budgets` says, as JSON.

use serde_json::{Value, json};
use tollgate_budget::{Account, AccountState, Page, window};
use tollgate_bundle::{Budget, DescriptorEntry, Meter, Mode, OnStoreFailure, RateLimit, Subject};

use super::view::{Kind, View};

/// A budget with its limits.
pub(super) fn budget(view: &View<'_>) -> Value {
    let limits: Vec<Value> = view
        .limits
        .iter()
        .map(|limit| {
            json!({
                "amount": limit.amount,
                "window": window::words(limit.window),
                "timeZone": limit.time_zone,
            })
        })
        .collect();
    let mut shape = json!({"id": view.id, "unit": view.unit(), "limits": limits});
    let more = match view.kind {
        Kind::Budget(budget) => of_budget(budget),
        Kind::RateLimit(limit) => of_rate_limit(limit),
    };
    if let (Some(shape), Value::Object(more)) = (shape.as_object_mut(), more) {
        shape.extend(more);
    }
    shape
}

fn of_budget(budget: &Budget) -> Value {
    json!({
        "kind": "TokenBudget",
        "subject": subject_words(&budget.subject),
        "meter": meter_words(&budget.meter),
        "mode": mode_words(budget.mode),
        "onStoreFailure": failure_words(budget.on_store_failure),
        "warnPercent": budget.warn_percent,
    })
}

/// What happens while the store is away is up to Envoy's filter.
fn of_rate_limit(limit: &RateLimit) -> Value {
    let entry = |entry: &DescriptorEntry| match &entry.value {
        Some(value) => format!("{}={value}", entry.key),
        None => entry.key.clone(),
    };
    let entries: Vec<String> = limit.entries.iter().map(entry).collect();
    json!({
        "kind": "RateLimit",
        "subject": format!("Descriptor {}", entries.join(" ")),
        "meter": "Hits",
        "mode": if limit.shadow { "Shadow" } else { "Strict" },
    })
}

/// Accounts with their states, one for one.
pub(super) fn accounts(budget: &View<'_>, accounts: &[Account], states: &[AccountState]) -> Value {
    let accounts: Vec<Value> = accounts
        .iter()
        .zip(states)
        .map(|(account, state)| {
            json!({
                "subject": &*account.subject,
                "window": window::words(account.window),
                "timeZone": &*account.time_zone,
                "limit": state.limit,
                "granted": state.granted,
                "used": state.settled,
                "held": state.held,
                "remaining": state.remaining(),
                "resetMs": (state.reset_ms < u64::MAX).then_some(state.reset_ms),
            })
        })
        .collect();
    json!({"budget": budget.id, "unit": budget.unit(), "accounts": accounts})
}

/// A page of accounts. One that no limit of the budget stands for any more has none.
pub(super) fn page(budget: &View<'_>, page: &Page) -> Value {
    let accounts: Vec<Value> = page
        .entries
        .iter()
        .map(|entry| {
            let limits = budget.limits.iter().filter(|limit| {
                window::words(limit.window) == entry.window && limit.time_zone == entry.time_zone
            });
            let limit = limits.map(|limit| limit.amount).min();
            let remaining = limit.map(|limit| {
                limit
                    .saturating_add(entry.granted)
                    .saturating_sub(entry.settled)
                    .saturating_sub(entry.held)
            });
            json!({
                "subject": entry.subject,
                "window": entry.window,
                "timeZone": entry.time_zone,
                "limit": limit,
                "granted": entry.granted,
                "used": entry.settled,
                "held": entry.held,
                "remaining": remaining,
                "resetMs": entry.reset_ms,
            })
        })
        .collect();
    json!({
        "budget": budget.id,
        "unit": budget.unit(),
        "accounts": accounts,
        "next": page.next,
    })
}

fn meter_words(meter: &Meter) -> String {
    match meter {
        Meter::Expression(expression) => format!("Expression {expression}"),
        Meter::Money(table) => format!("Money {}", table.currency),
        plain => format!("{plain:?}"),
    }
}

fn subject_words(subject: &Subject) -> String {
    match subject {
        Subject::Header(name) => format!("Header {name}"),
        Subject::ClientCertificate => "ClientCertificate".to_string(),
        Subject::Unknown(reason) => format!("Unknown ({reason})"),
        plain => format!("{plain:?}"),
    }
}

fn mode_words(mode: Mode) -> String {
    match mode {
        Mode::Overcommit(percent) => format!("Overcommit {percent} %"),
        plain => format!("{plain:?}"),
    }
}

fn failure_words(mode: OnStoreFailure) -> String {
    match mode {
        OnStoreFailure::Leased(units) => format!("Leased {units}"),
        plain => format!("{plain:?}"),
    }
}
