//! What `/v1/budgets` says, as JSON.

use serde_json::{Value, json};
use tollgate_budget::{Account, AccountState, Page, window};
use tollgate_bundle::{Budget, Meter, Mode, OnStoreFailure, Subject};

/// A budget with its limits.
pub(super) fn budget(budget: &Budget) -> Value {
    let Budget {
        id,
        subject,
        limits,
        meter,
        mode,
        on_store_failure,
        warn_percent,
    } = budget;
    let limits: Vec<Value> = limits
        .iter()
        .map(|limit| {
            json!({
                "amount": limit.amount,
                "window": window::words(limit.window),
                "timeZone": limit.time_zone,
            })
        })
        .collect();
    json!({
        "id": id,
        "subject": subject_words(subject),
        "meter": meter_words(meter),
        "unit": unit(meter),
        "mode": mode_words(*mode),
        "onStoreFailure": failure_words(*on_store_failure),
        "warnPercent": warn_percent,
        "limits": limits,
    })
}

/// Accounts with their states, one for one.
pub(super) fn accounts(budget: &Budget, accounts: &[Account], states: &[AccountState]) -> Value {
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
    json!({"budget": budget.id, "unit": unit(&budget.meter), "accounts": accounts})
}

/// A page of accounts. One that no limit of the budget stands for any more has none.
pub(super) fn page(budget: &Budget, page: &Page) -> Value {
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
        "unit": unit(&budget.meter),
        "accounts": accounts,
        "next": page.next,
    })
}

/// What a limit counts, for people.
fn unit(meter: &Meter) -> String {
    match meter {
        Meter::Requests => "requests".to_string(),
        Meter::Expression(_) => "units".to_string(),
        Meter::Money(table) => format!("10^-12 {}", table.currency),
        Meter::Total
        | Meter::Input
        | Meter::Output
        | Meter::CachedInput
        | Meter::CacheWrite
        | Meter::Reasoning => "tokens".to_string(),
    }
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
