//! What is told of a call when it is over: the access log's and the metrics' source.

use serde::Serialize;
use tollgate_llm::Usage;

/// One LLM call, told at its end.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// Consumer, or `anonymous`.
    pub consumer: String,
    /// Team of the consumer.
    pub team: Option<String>,
    /// `namespace/name` of the route; empty when none was found.
    pub route: String,
    /// Backend that answered, as the user named it.
    pub provider: Option<String>,
    /// `openai`, `azure.openai` or `anthropic`.
    pub provider_api: Option<&'static str>,
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
    /// Budget that refused.
    pub denied_by: Option<String>,
    /// Requests sent to providers.
    pub attempts: u32,
    /// HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// Streamed answer.
    pub stream: bool,
    /// How the call ended.
    pub ending: Ending,
}

/// What the budgets said of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}
