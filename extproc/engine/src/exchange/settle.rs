//! The end of an exchange: every ending has a charge (docs/budgets.md has the table).

use tollgate_bundle::Api;
use tollgate_llm::Usage;

use super::Exchange;
use crate::{
    CallRecord, Ending,
    caller::ANONYMOUS,
    charge,
    step::{EndStep, EstimateJob},
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
            return self.settle(None);
        }
        self.conclude()
    }

    /// Takes the result of an [`EstimateJob`].
    pub fn on_estimated(&mut self, usage: Usage) -> EndStep {
        self.estimated = Some(usage);
        self.settle(Some(usage))
    }

    /// The answer is complete.
    pub(super) fn finish(&mut self) -> EndStep {
        if self.closed {
            return EndStep::Done;
        }
        self.ending = Ending::Complete;
        self.conclude()
    }

    fn conclude(&mut self) -> EndStep {
        let Some(chat) = &self.chat else {
            return self.settle(None);
        };
        let outcome = chat
            .answer
            .as_ref()
            .map(tollgate_llm::Answer::outcome)
            .unwrap_or_default();
        if self.status >= 400 {
            self.ending = Ending::ProviderError;
            return self.settle(None);
        }
        // An error after the head, or a body that cannot be read: the provider has taken the
        // prompt, whatever its API.
        if outcome.failed.is_some() {
            self.ending = Ending::ProviderError;
        }
        match outcome.usage {
            Some(usage) if outcome.complete => self.settle(Some(usage)),
            reported => EndStep::Estimate(Box::new(EstimateJob {
                model: chat.asked_model().to_string(),
                request: chat.request.clone(),
                body: chat.body.clone(),
                generated: outcome.generated,
                reported,
            })),
        }
    }

    fn settle(&mut self, usage: Option<Usage>) -> EndStep {
        self.closed = true;
        self.final_usage = usage;
        let Some(chat) = &mut self.chat else {
            return EndStep::Done;
        };
        match chat.receipt.take() {
            Some(receipt) => EndStep::Settle(charge::settlement(&chat.dues, receipt, usage)),
            None => EndStep::Done,
        }
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
            consumer: identity
                .map_or(ANONYMOUS, |identity| &identity.consumer)
                .to_string(),
            team: identity.and_then(|identity| identity.team.clone()),
            route: chat.map(|chat| chat.rule.route.clone()).unwrap_or_default(),
            provider: backend.map(|backend| backend.name.clone()),
            provider_api: backend.map(|backend| match backend.api {
                Api::Anthropic { .. } => "anthropic",
                Api::AzureOpenAi { .. } => "azure.openai",
                Api::OpenAi { .. } => "openai",
            }),
            model: chat.map(|chat| chat.request.model.clone()),
            served_model: served
                .or_else(|| backend.and(chat).map(|chat| chat.asked_model().to_string())),
            usage: self.final_usage,
            estimated: self.estimated.is_some(),
            budget: self.budget,
            denied_by: self.denied_by.clone(),
            attempts: chat.map_or(0, |chat| chat.attempts),
            status: self.status,
            stream: chat.is_some_and(|chat| chat.request.stream),
            ending: self.ending,
        }
    }
}
