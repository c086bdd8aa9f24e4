//! What is told of a call when it is over: the access log's and the metrics' source.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tollgate_llm::Usage;

/// One LLM call, told at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// What was called: `chat`, `models`, `usage`, or `unknown`.
    pub operation: Cow<'static, str>,
    /// Consumer, or `anonymous`.
    pub consumer: String,
    /// Team of the consumer.
    pub team: Option<String>,
    /// `namespace/name` of the route; empty when none was found.
    pub route: String,
    /// Backend that answered, as the user named it.
    pub provider: Option<String>,
    /// `openai`, `azure.openai` or `anthropic`.
    pub provider_api: Option<Cow<'static, str>>,
    /// Model that the client asked for.
    pub model: Option<String>,
    /// Model that the provider says it used, else the one that was asked of it.
    pub served_model: Option<String>,
    /// Tokens charged.
    pub usage: Option<Usage>,
    /// The usage was counted here because the provider reported none.
    pub estimated: bool,
    /// What the budgets said.
    pub budget: BudgetDecision,
    /// Budget that refused, or for want of which the stream was ended.
    pub denied_by: Option<String>,
    /// Shadow budgets that would have refused.
    pub would_deny: Vec<String>,
    /// Budgets whose warning threshold this call found passed.
    pub warnings: Vec<Warning>,
    /// Budgets whose cost could not be told and that were charged what was held.
    pub not_measured: Vec<String>,
    /// Times that the hold grew while the answer streamed.
    pub top_ups: u32,
    /// Requests sent to providers.
    pub attempts: u32,
    /// HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// Streamed answer.
    pub stream: bool,
    /// How the call ended.
    pub ending: Ending,
}

/// A budget of which much is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Budget id.
    pub budget: String,
    /// Who pays.
    pub subject: String,
    /// Percent of the limit that is settled or held.
    pub percent: u64,
    /// The budget is a shadow: only operators are told.
    pub is_shadow: bool,
    /// No earlier call was told of this account in this window.
    pub is_first: bool,
}

/// What the budgets said of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetDecision {
    /// Held, with the client's full output limit.
    Admitted,
    /// A budget refused.
    Denied,
    /// Held, with the output limit lowered to what was left.
    Lowered,
    /// No budget applies, or the call ended before one was asked.
    None,
    /// The store did not answer, and the budgets say to serve all the same.
    Open,
    /// The store did not answer, and a budget says to refuse.
    StoreFailed,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The client got the provider's whole answer.
    Complete,
    /// The connection closed before the answer's end: the client went away, or the provider did.
    Cut,
    /// The provider answered with an error.
    ProviderError,
    /// The gateway answered by itself.
    Refused,
    /// The gateway ended the stream: a budget had no more.
    Limited,
}

// === impl BudgetDecision ===

impl BudgetDecision {
    /// As it is written in metrics and logs: `store_failed`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Denied => "denied",
            Self::Lowered => "lowered",
            Self::None => "none",
            Self::Open => "open",
            Self::StoreFailed => "store_failed",
        }
    }
}

// === impl Ending ===

impl Ending {
    /// As it is written in logs: `provider_error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::ProviderError => "provider_error",
            Self::Refused => "refused",
            Self::Limited => "limited",
        }
    }
}
