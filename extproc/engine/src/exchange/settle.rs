//! The end of an exchange: every ending has a charge (docs/budgets.md has the table).

use tollgate_bundle::Api;
use tollgate_llm::Usage;

use super::Exchange;
use crate::{
    CallRecord, Ending,
    caller::ANONYMOUS,
    charge::{self, Used},
    step::EndStep,
};

impl Exchange {
    /// The stream ended before the answer did: the client went away, or the provider's
    /// connection broke in the middle.
    pub fn on_closed(&mut self) -> EndStep {
        if self.closed {
            return EndStep::Done;
        }
        let sent = self.chat.as_ref().is_some_and(|chat| chat.attempts > 0);
        if self.ending == Ending::Refused || !sent {
            return self.settle(Used::Nothing);
        }
        self.conclude()
    }

    /// Takes the result of an [`crate::EstimateJob`].
    pub fn on_estimated(&mut self, usage: Usage) -> EndStep {
        self.estimated = Some(usage);
        self.settle(Used::Tokens(usage))
    }

    /// The answer is complete.
    pub(super) fn finish(&mut self) -> EndStep {
        if self.closed {
            return EndStep::Done;
        }
        if self.ending == Ending::Refused {
            return self.settle(Used::Nothing);
        }
        self.ending = Ending::Complete;
        self.conclude()
    }

    fn conclude(&mut self) -> EndStep {
        let Some(chat) = &self.chat else {
            return self.settle(Used::Nothing);
        };
        if self.status >= 400 {
            self.ending = Ending::ProviderError;
            // A provider's own failure, or the proxy's in its place, costs nothing; what it
            // refuses was a request.
            let is_failure = self.status >= 500 || self.status == 429;
            return self.settle(if is_failure {
                Used::Nothing
            } else {
                Used::Request
            });
        }
        let outcome = chat
            .answer
            .as_ref()
            .map(tollgate_llm::Answer::outcome)
            .unwrap_or_default();
        // An error after the head, or a body that cannot be read: the provider has taken the
        // prompt, whatever its API.
        if outcome.failed.is_some() {
            self.ending = Ending::ProviderError;
        } else if chat.top_ups.as_ref().is_some_and(|top_ups| top_ups.is_cut) {
            self.ending = Ending::Limited;
        }
        match outcome.usage {
            Some(usage) if outcome.complete => self.settle(Used::Tokens(usage)),
            _ => EndStep::Estimate(Box::new(chat.estimate_job(outcome))),
        }
    }

    fn settle(&mut self, used: Used) -> EndStep {
        self.closed = true;
        self.final_usage = match used {
            Used::Tokens(usage) => Some(usage),
            Used::Request | Used::Nothing => None,
        };
        let Some(chat) = &mut self.chat else {
            return EndStep::Done;
        };
        let Some(receipt) = chat.receipt.take() else {
            return EndStep::Done;
        };
        let (settlement, not_measured) =
            charge::settlement(&chat.dues, chat.names(), receipt, used);
        self.not_measured = not_measured;
        EndStep::Settle(settlement)
    }

    /// What is told of this call; complete once the exchange is closed.
    pub fn record(&self) -> CallRecord {
        let chat = self.chat.as_ref();
        let backend = chat
            .filter(|chat| chat.attempts > 0)
            .and_then(|chat| chat.rule.backends.get(chat.backend));
        let identity = chat.and_then(|chat| chat.identity.as_deref());
        let served = chat
            .and_then(|chat| chat.answer.as_ref())
            .and_then(|answer| answer.outcome().model);
        CallRecord {
            operation: self.operation.into(),
            consumer: identity
                .map_or(ANONYMOUS, |identity| &identity.consumer)
                .to_string(),
            team: identity.and_then(|identity| identity.team.clone()),
            route: chat.map(|chat| chat.rule.route.clone()).unwrap_or_default(),
            provider: backend.map(|backend| backend.name.clone()),
            provider_api: backend.map(|backend| match backend.api {
                Api::Anthropic { .. } => "anthropic".into(),
                Api::AzureOpenAi { .. } => "azure.openai".into(),
                Api::OpenAi { .. } => "openai".into(),
            }),
            model: chat.map(|chat| chat.request.model.clone()),
            served_model: served
                .or_else(|| backend.and(chat).map(|chat| chat.asked_model().to_string())),
            usage: self.final_usage,
            estimated: self.estimated.is_some(),
            budget: self.budget,
            denied_by: self.denied_by.clone(),
            would_deny: self.would_deny.iter().map(ToString::to_string).collect(),
            warnings: self.warnings.clone(),
            not_measured: self.not_measured.clone(),
            top_ups: chat
                .and_then(|chat| chat.top_ups.as_ref())
                .map_or(0, |top_ups| top_ups.granted),
            attempts: chat.map_or(0, |chat| chat.attempts),
            status: self.status,
            stream: chat.is_some_and(|chat| chat.request.stream),
            ending: self.ending,
        }
    }
}
