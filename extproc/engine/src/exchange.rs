//! One client call, from its first header to its settlement.
//!
//! The host calls, in this order: [`Exchange::on_request_head`], then as the steps say
//! [`Exchange::on_request_body`], [`Exchange::on_counted`], [`Exchange::on_hold`]; for each retry
//! that Envoy makes [`Exchange::on_attempt`]; then [`Exchange::on_response_head`],
//! [`Exchange::on_response_body`]; and [`Exchange::on_closed`] if the stream ends early.

mod admission;
mod attempt;
mod costs;
mod head;
mod held;
mod response;
mod settle;
mod top_up;
mod usage;

use std::sync::Arc;

use bytes::Bytes;
use tollgate_budget::{HoldId, HoldReceipt};
use tollgate_bundle::{Backend, Rule};
use tollgate_cost::Names;
use tollgate_llm::{Answer, BodyChange, ChatRequest, Usage};

use self::{top_up::TopUps, usage::UsageLine};
use crate::{
    BudgetDecision, Caller, Health, RouteTable, Warned, Warning,
    caller::Identity,
    charge::{CallSize, Due, RuleBudgets, RuleCosts},
    choose::Chance,
    step::CountJob,
    subject::{HeaderValue, Payer},
};

pub use head::RequestHead;
pub use response::{RATE_LIMIT_HEADERS, ResponseHead, ResponseHeadChange};
pub(crate) use usage::subject_headers;

/// What an exchange is given from outside: the world as it is when the call comes in.
#[derive(Clone, Debug)]
pub struct ExchangeInput {
    /// Routes; the exchange keeps to this table whatever changes meanwhile.
    pub table: Arc<RouteTable>,
    /// Health of the backends, shared by all exchanges.
    pub health: Arc<Health>,
    /// Accounts that were warned of, shared by all exchanges.
    pub warned: Arc<Warned>,
    /// Scope that the proxy says the call belongs to.
    pub scope: String,
    /// Random and unique: names the exchange and its hold.
    pub id: u128,
    /// Wall clock, Unix seconds: `created` of answers.
    pub created: i64,
    /// Longest request body.
    pub body_bytes_max: u64,
}

/// The state of one client call.
#[derive(Debug)]
pub struct Exchange {
    input: ExchangeInput,
    caller: Caller,
    chat: Option<Chat>,
    /// What is called, for the record.
    operation: &'static str,
    /// Set once the gateway has answered by itself, or settled: nothing more to do.
    closed: bool,
    status: u16,
    budget: BudgetDecision,
    denied_by: Option<String>,
    /// Shadow budgets that would have refused.
    would_deny: Vec<Arc<str>>,
    warnings: Vec<Warning>,
    not_measured: Vec<String>,
    /// What `GET /v1/usage` asked the ledger for.
    usage_lines: Vec<UsageLine>,
    /// A piece of the answer that waits for more to be held.
    waiting: Option<BodyChange>,
    /// Counted by [`crate::EstimateJob`].
    estimated: Option<Usage>,
    final_usage: Option<Usage>,
    ending: crate::Ending,
}

/// A chat call whose body was read and whose rule is known.
#[derive(Debug)]
struct Chat {
    request: ChatRequest,
    body: Bytes,
    path: String,
    /// Headers of the client that must not reach a provider.
    unwanted: Vec<&'static str>,
    rule: Arc<Rule>,
    budgets: Arc<RuleBudgets>,
    costs: Arc<RuleCosts>,
    identity: Option<Arc<Identity>>,
    /// What the budgets' subjects read, by header name.
    subject_headers: Vec<(String, HeaderValue)>,
    /// Accounts of the live hold, in the order of its entries; before there is one, of the hold
    /// that is asked for.
    dues: Vec<Due>,
    /// Accounts of the hold that is to replace the live one.
    next_dues: Option<Vec<Due>>,
    /// Backend of the current attempt.
    backend: usize,
    chance: Chance,
    /// Backends whose own budget has denied this call.
    spent: Vec<usize>,
    attempts: u32,
    bound: InputBound,
    /// Output tokens with which the call fits on an account whose worst case is no line.
    output_cap: Option<u64>,
    /// Times that `output_cap` was lowered.
    refits: u8,
    receipt: Option<HoldReceipt>,
    /// Output tokens that the hold allows, over all choices; `None`: no budget applies.
    output_granted: Option<u64>,
    /// Set where the hold covers less than the output granted and can grow.
    top_ups: Option<TopUps>,
    answer: Option<Answer>,
}

/// What is known of the input's size.
#[derive(Clone, Copy, Debug)]
enum InputBound {
    /// From the body's length: cheap, several times too high.
    Cheap(u64),
    /// Counted with the model's own tokenizer.
    Counted(u64),
}

// === impl Exchange ===

impl Exchange {
    /// Starts an exchange.
    pub fn new(input: ExchangeInput) -> Self {
        Self {
            input,
            caller: Caller::Anonymous,
            chat: None,
            operation: "unknown",
            closed: false,
            status: 0,
            budget: BudgetDecision::None,
            denied_by: None,
            would_deny: Vec::new(),
            warnings: Vec::new(),
            not_measured: Vec::new(),
            usage_lines: Vec::new(),
            waiting: None,
            estimated: None,
            final_usage: None,
            ending: crate::Ending::Cut,
        }
    }

    /// Names the exchange.
    pub fn id(&self) -> u128 {
        self.input.id
    }

    /// Whether the proxy may try another backend, so that the host has to keep the exchange
    /// where a retry's stream can find it.
    pub fn may_retry(&self) -> bool {
        self.chat.is_some()
    }

    /// The live hold, for renewing it.
    pub fn receipt(&self) -> Option<&HoldReceipt> {
        self.chat.as_ref()?.receipt.as_ref()
    }

    /// A content token has reached the client.
    pub fn has_content(&self) -> bool {
        self.chat
            .as_ref()
            .and_then(|chat| chat.answer.as_ref())
            .is_some_and(Answer::has_content)
    }

    /// Nothing more will be asked of this exchange.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn hold_id(&self) -> HoldId {
        HoldId(self.input.id)
    }
}

// === impl Chat ===

impl Chat {
    /// Whether the tokenizer of the backend's model is known.
    fn can_count(&self) -> bool {
        tollgate_llm::tokens::Encoding::of_model(self.asked_model()).is_some()
    }

    fn count_job(&self) -> CountJob {
        CountJob {
            model: self.asked_model().to_string(),
            request: self.request.clone(),
            body: self.body.clone(),
        }
    }

    fn present_backend(&self) -> Option<&Backend> {
        self.rule.backends.get(self.backend)
    }

    /// Model asked of the current attempt's provider.
    fn asked_model(&self) -> &str {
        self.present_backend()
            .and_then(|backend| backend.model.as_deref())
            .unwrap_or(&self.request.model)
    }

    /// What the cost of the current attempt is told by.
    fn names(&self) -> Names<'_> {
        Names {
            model: self.asked_model(),
            backend: self.present_backend().map_or("", |backend| &backend.name),
            route: &self.rule.route,
        }
    }

    fn size(&self) -> CallSize<'_> {
        CallSize {
            names: self.names(),
            input: self.bound.tokens(),
        }
    }

    fn payer(&self) -> Payer<'_> {
        Payer {
            identity: self.identity.as_deref(),
            rule: &self.rule,
            model: &self.request.model,
            backend: self.present_backend().map_or("", |backend| &backend.name),
            headers: &self.subject_headers,
        }
    }

    /// Bound on the input for the current attempt's provider, from the body's length.
    fn cheap_bound(&self) -> u64 {
        tollgate_llm::tokens::input_bound(self.asked_model(), &self.request.input)
    }

    /// Fewest output tokens worth serving: each choice gets at least one.
    fn output_min(&self) -> u64 {
        self.rule
            .output_tokens_min
            .max(self.request.choices)
            .min(self.output_want())
    }

    /// Output tokens that the request may produce, over all choices.
    fn output_want(&self) -> u64 {
        match self.request.output_tokens_max {
            Some(each) => each.saturating_mul(self.request.choices),
            None => self
                .rule
                .output_tokens_default
                .saturating_mul(self.request.choices),
        }
    }
}

// === impl InputBound ===

impl InputBound {
    fn tokens(self) -> u64 {
        match self {
            Self::Cheap(tokens) | Self::Counted(tokens) => tokens,
        }
    }
}
