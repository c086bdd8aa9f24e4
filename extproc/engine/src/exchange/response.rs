//! The provider's answer on its way back.

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_budget::HoldReceipt;
use tollgate_llm::{BodyChange, BodyReading};

use super::Exchange;
use crate::{
    Ending, Warning,
    charge::{Due, Unit},
    reply::rate_limit_headers,
    step::BodyStep,
};

/// What the engine needs of the head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// `content-type`, if any.
    pub content_type: Option<&'a str>,
    /// `retry-after`, if any.
    pub retry_after: Option<&'a str>,
    /// Which of [`RATE_LIMIT_HEADERS`] it has.
    pub rate_limits: &'a [&'static str],
    /// No body follows.
    pub end: bool,
}

/// What changes in the head of the answer.
#[derive(Debug)]
pub struct ResponseHeadChange {
    /// Headers to set.
    pub set_headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Headers to remove.
    pub remove_headers: Vec<&'static str>,
    /// How the body is to be handed over.
    pub reading: BodyReading,
    /// Set when no body follows: how the exchange ends.
    pub end: Option<crate::EndStep>,
}

/// What providers that speak OpenAI's API say of their own limits, and the gateway of budgets.
pub const RATE_LIMIT_HEADERS: [&str; 6] = [
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
];
/// Header of an answer that names who served it.
const PROVIDER_HEADER: &str = "x-tollgate-provider";
/// Header of an answer that names the model asked of the provider.
const MODEL_HEADER: &str = "x-tollgate-model";
/// Header of an answer whose output limit was lowered to what the budget had left.
const LOWERED_HEADER: &str = "x-tollgate-output-tokens-limit";
/// Header of an answer that names the budgets of which much is used.
const WARNING_HEADER: &str = "x-tollgate-budget-warning";

impl Exchange {
    /// A rate limit of the proxy has refused the request in the place of a provider: the answer
    /// that follows is the proxy's, and no provider's doing.
    pub fn on_rate_limited(&mut self) {
        self.ending = Ending::Refused;
        if let Some(chat) = &mut self.chat {
            chat.answer = None;
        }
    }

    /// Takes the head of the answer.
    pub fn on_response_head(&mut self, head: ResponseHead<'_>, now_ms: u64) -> ResponseHeadChange {
        self.status = head.status;
        let mut change = ResponseHeadChange {
            set_headers: Vec::with_capacity(6),
            remove_headers: Vec::new(),
            reading: BodyReading::Whole,
            end: None,
        };
        if self.ending != Ending::Refused {
            self.record_health(head, now_ms);
            self.name_server(&mut change);
        }
        self.hide_providers_limits(head, &mut change);
        if let Some(answer) = self.chat.as_mut().and_then(|chat| chat.answer.as_mut()) {
            let translated = answer.on_head(head.status, head.content_type);
            if let Some(content_type) = translated.content_type {
                change
                    .set_headers
                    .push(("content-type", content_type.into()));
            }
            if translated.length_changes {
                change.remove_headers.push("content-length");
            }
            change.reading = translated.reading;
        }
        if head.end {
            change.end = Some(self.finish());
        }
        change
    }

    /// Takes a piece of the answer's body; `end` is set on the last, which may be empty.
    pub fn on_response_body(&mut self, piece: &Bytes, end: bool) -> BodyStep {
        let change = match self.chat.as_mut().and_then(|chat| chat.answer.as_mut()) {
            Some(answer) => answer.on_body(piece, end),
            None => BodyChange::Keep,
        };
        if end {
            let end = Some(self.finish());
            return BodyStep::Pass { change, end };
        }
        self.pass_or_top_up(change)
    }

    /// Where budgets apply, what a provider says is left of the operator's own account there must
    /// not be taken for what is left of the caller's.
    fn hide_providers_limits(&self, head: ResponseHead<'_>, change: &mut ResponseHeadChange) {
        let is_budgeted = self.chat.as_ref().is_some_and(|chat| !chat.dues.is_empty());
        if !is_budgeted {
            return;
        }
        let ResponseHeadChange {
            set_headers,
            remove_headers,
            ..
        } = change;
        let is_set = |name: &str| set_headers.iter().any(|(set, _)| *set == name);
        remove_headers.extend(head.rate_limits.iter().filter(|name| !is_set(name)));
    }

    fn record_health(&self, head: ResponseHead<'_>, now_ms: u64) {
        let Some(backend) = self
            .chat
            .as_ref()
            .and_then(|chat| chat.rule.backends.get(chat.backend))
        else {
            return;
        };
        let health = &self.input.health;
        match head.status {
            429 => {
                // Longer waits than the ejection's bound are cut there; dates are not read.
                let retry_after_ms = head
                    .retry_after
                    .and_then(|text| text.trim().parse::<u64>().ok())
                    .map(|seconds| seconds.saturating_mul(1000));
                health.failed(&backend.id, now_ms, retry_after_ms);
            }
            500.. => health.failed(&backend.id, now_ms, None),
            _ => health.succeeded(&backend.id),
        }
    }

    fn name_server(&self, change: &mut ResponseHeadChange) {
        let Some(chat) = &self.chat else { return };
        let Some(backend) = chat.rule.backends.get(chat.backend) else {
            return;
        };
        let model = backend.model.as_deref().unwrap_or(&chat.request.model);
        change
            .set_headers
            .push((PROVIDER_HEADER, backend.name.clone().into()));
        change
            .set_headers
            .push((MODEL_HEADER, model.to_string().into()));
        let Some(receipt) = &chat.receipt else { return };
        if self.budget == crate::BudgetDecision::Lowered {
            change
                .set_headers
                .push((LOWERED_HEADER, receipt.output_granted.to_string().into()));
        }
        if receipt.recorded {
            change
                .set_headers
                .extend(tightest_headers(&chat.dues, receipt));
        }
        let warning = warning_text(&self.warnings);
        if !warning.is_empty() {
            change.set_headers.push((WARNING_HEADER, warning.into()));
        }
    }
}

/// What is left on the tightest account that counts tokens, and on the tightest that counts
/// requests. Shadow budgets are not the caller's business.
fn tightest_headers(
    dues: &[Due],
    receipt: &HoldReceipt,
) -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
    let tightest = |unit: &'static Unit| {
        let tightest = dues
            .iter()
            .zip(&receipt.entries)
            .filter(|(due, _)| !due.budget.is_shadow() && due.budget.meter.counts(unit))
            .map(|(_, entry)| &entry.state)
            .min_by_key(|state| (state.remaining(), std::cmp::Reverse(state.reset_ms)))?;
        Some(rate_limit_headers(unit, tightest))
    };
    [&Unit::Tokens, &Unit::Requests]
        .into_iter()
        .filter_map(tightest)
        .flatten()
        .map(|(name, value)| (name, value.into()))
}

/// `default/daily at 85%, default/team at 92%`; empty where there is nothing to say to callers.
fn warning_text(warnings: &[Warning]) -> String {
    let texts: Vec<String> = warnings
        .iter()
        .filter(|warning| !warning.is_shadow)
        .map(|warning| format!("{} at {}%", warning.budget, warning.percent))
        .collect();
    texts.join(", ")
}
