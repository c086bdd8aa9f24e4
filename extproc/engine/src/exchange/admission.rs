//! The request's body: which rule serves it, and whether the caller can pay.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_llm::ChatRequest;

use super::{Chat, Exchange, InputBound, attempt, head::RequestHead, usage};
use crate::{
    Reply,
    choose::{Chance, choose},
    step::Step,
};

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

    fn read_body(
        &mut self,
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
        let table = Arc::clone(&self.input.table);
        let scope = table
            .scope(&self.input.scope)
            .ok_or_else(|| Reply::no_such_scope(&self.input.scope))?;
        let rule = scope
            .find(&request.model, |name| head.header(name))
            .ok_or_else(|| Reply::unknown_model(&request.model))?;
        let identity = rule
            .admit(&self.caller)
            .map_err(|()| Reply::unknown_key())?;
        if let Some(budget) = rule.budgets.missing.first() {
            return Err(Reply::missing_budget(&rule.rule.route, budget));
        }
        let chance = Chance { now_ms, random };
        let backend = choose(&rule.rule, &self.input.health, &[], chance)
            .ok_or_else(|| no_usable_backend(&rule.rule))?;
        let mut chat = Chat {
            bound: InputBound::Cheap(0),
            path: head.text(":path").unwrap_or_default().to_string(),
            unwanted: attempt::unwanted(head, &rule.rule),
            rule: Arc::clone(&rule.rule),
            budgets: Arc::clone(&rule.budgets),
            costs: Arc::clone(&rule.costs),
            subject_headers: usage::subject_headers(rule, head),
            request,
            body,
            identity,
            dues: Vec::new(),
            next_dues: None,
            backend,
            chance,
            spent: Vec::new(),
            attempts: 0,
            output_cap: None,
            refits: 0,
            receipt: None,
            output_granted: None,
            top_ups: None,
            answer: None,
        };
        chat.dues = chat
            .dues_here(&mut self.would_deny)
            .map_err(|missing| Reply::no_subject(&missing))?;
        chat.bound = InputBound::Cheap(chat.cheap_bound());
        Ok(chat)
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
