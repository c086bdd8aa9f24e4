//! What has been seen of an answer so far, whatever the provider; becomes the outcome.

use super::AnswerOutcome;
use crate::{Usage, json::prefix};

/// Generated text beyond this is not kept: a count of it is a lower bound then.
const GENERATED_BYTES_MAX: usize = 4 << 20;

/// Bytes of a provider's error message that are kept.
const FAILED_BYTES_MAX: usize = 4 << 10;

/// Bytes of a model's name that are kept.
const MODEL_BYTES_MAX: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Seen {
    usage: Option<Usage>,
    generated: String,
    /// Bytes of all generated text, kept or not.
    generated_bytes: u64,
    model: Option<String>,
    pub(super) complete: bool,
    failed: Option<String>,
}

// === impl Seen ===

impl Seen {
    /// A report of usage: the last one wins.
    pub(super) fn report(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    pub(super) fn generate(&mut self, text: &str) {
        self.generated_bytes = self.generated_bytes.saturating_add(text.len() as u64);
        let room = GENERATED_BYTES_MAX - self.generated.len();
        self.generated.push_str(prefix(text, room));
    }

    pub(super) fn name_model(&mut self, model: &str) {
        if self.model.is_none() && !model.is_empty() {
            self.model = Some(prefix(model, MODEL_BYTES_MAX).to_owned());
        }
    }

    pub(super) fn has_model(&self) -> bool {
        self.model.is_some()
    }

    pub(super) fn fail(&mut self, message: &str) {
        self.failed
            .get_or_insert_with(|| prefix(message, FAILED_BYTES_MAX).to_owned());
    }

    /// The generated text that is kept.
    pub(super) fn generated(&self) -> &str {
        &self.generated
    }

    pub(super) fn generated_bytes(&self) -> u64 {
        self.generated_bytes
    }

    pub(super) fn has_content(&self) -> bool {
        !self.generated.is_empty()
    }

    /// Zeros are no report: every prompt has a token. Nor is an output of zero at the end of an
    /// answer that has text.
    pub(super) fn outcome(&self) -> AnswerOutcome {
        let is_credible = |usage: &Usage| {
            usage.total() > 0 && (usage.output > 0 || !self.complete || !self.has_content())
        };
        AnswerOutcome {
            usage: self.usage.filter(is_credible),
            generated: self.generated.clone(),
            model: self.model.clone(),
            complete: self.complete,
            failed: self.failed.clone(),
        }
    }
}
