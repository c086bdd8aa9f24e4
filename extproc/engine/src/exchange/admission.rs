//! The request's body: which rule serves it, and whether the caller can pay.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_budget::{HoldOutcome, HoldRequest, StoreError};
use tollgate_bundle::OnStoreFailure;
use tollgate_llm::ChatRequest;

use super::{Chat, Exchange, InputBound, attempt, head::RequestHead};
use crate::{BudgetDecision, Reply, charge, choose::choose, step::Step};

impl Exchange {
    /// Takes the whole body. `random` picks among backends of equal priority.
    pub fn on_request_body(
        &mut self,
        head: &impl RequestHead,
        body: Bytes,
        now_ms: u64,
        random: u64,
    ) -> Step {
        match self.read_body(head, body, now_ms, random) {
            Ok(chat) => {
                self.chat = Some(chat);
                self.ask_for_hold()
            }
            Err(reply) => self.refuse(reply),
        }
    }

    /// Takes the result of a [`crate::CountJob`].
    pub fn on_counted(&mut self, input_tokens: u64) -> Step {
        if let Some(chat) = &mut self.chat {
            chat.bound = InputBound::Counted(input_tokens.min(chat.bound.tokens()));
        }
        self.ask_for_hold()
    }

    /// Takes the ledger's answer to [`Step::Hold`] or [`Step::Raise`].
    pub fn on_hold(&mut self, outcome: Result<HoldOutcome, StoreError>) -> Step {
        match outcome {
            Ok(HoldOutcome::Granted(receipt)) => self.granted(receipt),
            Ok(HoldOutcome::Denied(denial)) => self.denied(&denial),
            Err(_)
                if self
                    .chat
                    .as_ref()
                    .is_some_and(|chat| chat.open_on_store_failure) =>
            {
                self.budget = BudgetDecision::Open;
                self.send()
            }
            Err(_) => {
                self.budget = BudgetDecision::StoreFailed;
                self.refuse(Reply::store_failed())
            }
        }
    }

    fn read_body(
        &self,
        head: &impl RequestHead,
        body: Bytes,
        now_ms: u64,
        random: u64,
    ) -> Result<Chat, Reply> {
        if body.is_empty() {
            return Err(Reply::missing_body());
        }
        if body.len() as u64 > self.input.body_bytes_max {
            return Err(Reply::body_too_large(self.input.body_bytes_max));
        }
        let request = ChatRequest::parse(&body).map_err(Reply::invalid_request)?;
        let scope = self
            .input
            .table
            .scope(&self.input.scope)
            .ok_or_else(|| Reply::no_such_scope(&self.input.scope))?;
        let rule = scope
            .find(&request.model, |name| head.header(name))
            .ok_or_else(|| Reply::unknown_model(&request.model))?;
        let identity = rule
            .admit(&self.caller)
            .map_err(|()| Reply::unknown_key())?;
        if let Some(budget) = rule.missing_budgets.first() {
            return Err(Reply::missing_budget(&rule.rule.route, budget));
        }
        let dues = charge::dues(&rule.budgets, identity.as_deref(), &rule.rule.namespace)
            .map_err(|lacks| Reply::no_subject(&lacks))?;
        let backend = choose(&rule.rule, &self.input.health, now_ms, random)
            .ok_or_else(|| no_usable_backend(&rule.rule))?;
        let mut chat = Chat {
            bound: InputBound::Cheap(0),
            open_on_store_failure: rule
                .budgets
                .iter()
                .all(|budget| budget.on_store_failure == OnStoreFailure::Open),
            path: head.text(":path").unwrap_or_default().to_string(),
            unwanted: attempt::unwanted(head),
            rule: Arc::clone(&rule.rule),
            request,
            body,
            identity,
            dues,
            backend,
            attempts: 0,
            receipt: None,
            output_granted: None,
            answer: None,
        };
        chat.bound = InputBound::Cheap(chat.cheap_bound());
        Ok(chat)
    }

    /// The first question is the cheap one: the whole worst case, with the input bounded by the
    /// body's length. Only when that does not fit is the input counted, and the output lowered
    /// to what is left: a caller with room never pays for tokenizing.
    fn ask_for_hold(&mut self) -> Step {
        let id = self.hold_id();
        let Some(chat) = &self.chat else {
            return self.refuse(Reply::internal("a hold without a request"));
        };
        if chat.dues.is_empty() {
            return self.forward();
        }
        let output_want = chat.output_want();
        let can_count = matches!(chat.bound, InputBound::Cheap(_)) && chat.count_job().is_some();
        let output_min = if can_count {
            output_want
        } else {
            chat.output_min()
        };
        let request = HoldRequest {
            id,
            charges: charge::charges(&chat.dues, chat.bound.tokens()),
            output_want,
            output_min,
        };
        if chat.receipt.is_some() {
            Step::Raise(request)
        } else {
            Step::Hold(request)
        }
    }

    fn granted(&mut self, receipt: tollgate_budget::HoldReceipt) -> Step {
        if let Some(chat) = &mut self.chat {
            self.budget = if receipt.output_granted < chat.output_want() {
                BudgetDecision::Lowered
            } else {
                BudgetDecision::Admitted
            };
            chat.output_granted = Some(receipt.output_granted);
            chat.receipt = Some(receipt);
        }
        self.send()
    }

    fn send(&mut self) -> Step {
        match &self.chat {
            Some(chat) if chat.attempts > 0 => self.retry(),
            _ => self.forward(),
        }
    }

    fn denied(&mut self, denial: &tollgate_budget::Denial) -> Step {
        let Some(chat) = &self.chat else {
            return self.refuse(Reply::internal("a denial without a request"));
        };
        if matches!(chat.bound, InputBound::Cheap(_))
            && let Some(job) = chat.count_job()
        {
            return Step::Count(job);
        }
        let charges = charge::charges(&chat.dues, 0);
        let reply = match charges.get(denial.tightest) {
            Some(tightest) => {
                let account = &tightest.account;
                let window = format!("{:?}", account.window).to_lowercase();
                self.denied_by = Some(account.budget.to_string());
                Reply::budget_denied(&account.budget, &account.subject, &window, denial)
            }
            None => Reply::internal("the ledger named no account"),
        };
        self.budget = BudgetDecision::Denied;
        self.refuse(reply)
    }

    /// Ends the exchange with an answer of the gateway's own. Any hold is left to `on_closed`.
    pub(super) fn refuse(&mut self, reply: Reply) -> Step {
        self.status = reply.status;
        self.ending = crate::Ending::Refused;
        if self.receipt().is_none() {
            self.closed = true;
        }
        Step::Reply(reply)
    }
}

fn no_usable_backend(rule: &tollgate_bundle::Rule) -> Reply {
    let why = rule
        .backends
        .iter()
        .find_map(|backend| {
            let reason = backend.invalid.as_deref()?;
            Some(format!("{}: {reason}", backend.name))
        })
        .unwrap_or_else(|| "every backend has weight 0".to_string());
    Reply::no_usable_backend(&rule.route, &why)
}
