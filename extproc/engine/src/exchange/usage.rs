//! `GET /v1/usage`: what stands on the caller's own accounts.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use serde_json::json;
use tollgate_budget::{Account, AccountState, StoreError};
use tollgate_bundle::{Mode, Subject, ValueMatch};

use super::{Exchange, RequestHead};
use crate::{
    Reply,
    charge::{CompiledBudget, Due, accounts, window_text},
    step::Step,
    subject::{HeaderValue, OTHER_MODELS, Payer},
    table::{CompiledRule, Scope},
};

/// A limit that is told of.
#[derive(Debug)]
pub(super) struct UsageLine(Due);

/// Most limits that are told of.
const LINES_MAX: usize = 1000;

impl Exchange {
    /// Takes the ledger's answer to [`Step::States`].
    pub fn on_states(&mut self, states: Result<Vec<AccountState>, StoreError>) -> Step {
        match states {
            Ok(states) => self.tell_usage(&states),
            Err(_) => self.refuse(Reply::store_failed()),
        }
    }

    /// Asks for every account that the caller's calls may be held against, over all rules and
    /// their backends, each once; with `?model=` only over the rule that serves this model. An
    /// account whose subject this request does not tell is left out.
    pub(super) fn ask_for_usage(&mut self, scope: &Scope, head: &impl RequestHead) -> Step {
        let mut seen: HashSet<Account> = HashSet::new();
        let mut lines = Vec::new();
        let asked = asked_model(head);
        let rules: Vec<&CompiledRule> = match &asked {
            None => scope.rules.iter().map(|rule| &**rule).collect(),
            Some(model) => match scope.find(model, |name| head.header(name)) {
                Some(rule) => vec![rule],
                None => return self.refuse(Reply::unknown_model(model)),
            },
        };
        for rule in rules {
            let Ok(identity) = rule.admit(&self.caller) else {
                continue;
            };
            let headers = subject_headers(rule, head);
            for (budget, backend) in budgets(rule) {
                for model in models(rule, &budget.subject, asked.as_deref()) {
                    let payer = Payer {
                        identity: identity.as_deref(),
                        rule: &rule.rule,
                        model,
                        backend,
                        headers: &headers,
                    };
                    let Ok(subject) = payer.subject(&budget.subject) else {
                        continue;
                    };
                    for due in accounts(budget, &subject) {
                        if lines.len() < LINES_MAX && seen.insert(due.account.clone()) {
                            lines.push(UsageLine(due));
                        }
                    }
                }
            }
        }
        let accounts = lines.iter().map(|line| line.0.account.clone()).collect();
        let is_empty = lines.is_empty();
        self.usage_lines = lines;
        if is_empty {
            self.tell_usage(&[])
        } else {
            Step::States(accounts)
        }
    }

    fn tell_usage(&mut self, states: &[AccountState]) -> Step {
        let now_ms = self.input.created.saturating_mul(1000);
        let data: Vec<serde_json::Value> = self
            .usage_lines
            .iter()
            .zip(states)
            .map(|(line, state)| shown(&line.0, state, now_ms))
            .collect();
        let body = Bytes::from(json!({ "object": "list", "data": data }).to_string());
        self.answer_here(Reply::json(body, "usage"))
    }
}

/// Every budget of a rule with a backend that it applies to.
fn budgets(rule: &CompiledRule) -> impl Iterator<Item = (&Arc<CompiledBudget>, &str)> {
    let backends = rule.rule.backends.iter().enumerate();
    backends.flat_map(|(index, backend)| {
        rule.budgets
            .at(index)
            .map(move |budget| (budget, backend.name.as_str()))
    })
}

/// The value of `model` in the query, decoded.
fn asked_model(head: &impl RequestHead) -> Option<String> {
    let (_, query) = head.text(":path")?.split_once('?')?;
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("model="))?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = tail
            .get(if escaped.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    String::from_utf8(bytes).ok()
}

/// The models that a budget of this subject has accounts for.
fn models<'a>(rule: &'a CompiledRule, subject: &Subject, asked: Option<&'a str>) -> Vec<&'a str> {
    if *subject != Subject::Model {
        return vec![""];
    }
    if let Some(model) = asked {
        return vec![model];
    }
    let rule = &rule.rule;
    let listed = rule.models.iter().map(|listed| listed.id.as_str());
    let matched = rule.matches.iter().map(|any| match &any.model {
        Some(ValueMatch::Exact(model)) => model.as_str(),
        Some(ValueMatch::Regex(_)) | None => OTHER_MODELS,
    });
    let any = rule.matches.is_empty().then_some(OTHER_MODELS);
    listed.chain(matched).chain(any).collect()
}

/// The values of the headers that the rule's budgets read.
pub(crate) fn subject_headers(
    rule: &CompiledRule,
    head: &impl RequestHead,
) -> Vec<(String, HeaderValue)> {
    rule.budgets
        .headers
        .iter()
        .map(|name| (name.clone(), HeaderValue::of(name, head.header(name))))
        .collect()
}

fn shown(due: &Due, state: &AccountState, now_ms: i64) -> serde_json::Value {
    let reset_ms = state.resets_in_ms();
    json!({
        "object": "budget",
        "budget": &*due.account.budget,
        "subject": &*due.account.subject,
        "unit": due.budget.meter.unit().name(),
        "window": window_text(due.account.window),
        "time_zone": &*due.account.time_zone,
        "mode": mode_text(due.budget.mode),
        "limit": state.limit,
        "granted": state.granted,
        "used": state.settled,
        "held": state.held,
        "remaining": state.remaining(),
        "reset": reset_ms.and_then(|ms| timestamp(now_ms, ms)),
        "reset_seconds": reset_ms.map(|ms| ms.div_ceil(1000)),
    })
}

fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Strict => "strict",
        Mode::Overcommit(_) => "overcommit",
        Mode::Shadow => "shadow",
    }
}

/// RFC 3339, in UTC, rounded up to a second.
fn timestamp(now_ms: i64, in_ms: u64) -> Option<String> {
    let at_ms = now_ms.checked_add(i64::try_from(in_ms).ok()?)?;
    let seconds = at_ms.div_euclid(1000) + i64::from(at_ms.rem_euclid(1000) > 0);
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(at.to_string())
}
