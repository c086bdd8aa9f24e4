//! Answers in OpenAI's form: a chat completion, or one chunk of it (OpenAI API reference, "The
//! chat completion object", "The chat completion chunk object").
//!
//! Only what is counted is read, and shapes of compatible servers are tolerated: an odd field
//! must not hide the usage beside it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{chunk::Stamp, seen::Seen};
use crate::{
    Usage,
    json::{AnyText, Count, Text, prefix},
};

/// A completion or a chunk.
#[derive(Debug, Deserialize)]
pub(super) struct Completion<'a> {
    #[serde(borrow)]
    id: Option<AnyText<'a>>,
    #[serde(default)]
    created: Count,
    #[serde(borrow)]
    model: Option<AnyText<'a>>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Said<'a>>,
    #[serde(borrow)]
    message: Option<Said<'a>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

/// A message or a delta. Servers name reasoning in either way, some in both with the same text.
#[derive(Debug, Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    reasoning_content: Option<AnyText<'a>>,
    #[serde(borrow)]
    reasoning: Option<AnyText<'a>>,
    #[serde(borrow)]
    content: Option<AnyText<'a>>,
    #[serde(borrow)]
    refusal: Option<AnyText<'a>>,
    #[serde(borrow)]
    tool_calls: Option<AnyText<'a>>,
    #[serde(borrow)]
    function_call: Option<AnyText<'a>>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    total_tokens: Count,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default, alias = "cache_write_tokens")]
    cache_creation_tokens: Count,
}

#[derive(Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}

/// Takes a whole body. One that is no completion is not our business: usage stays unknown.
pub(super) fn read(body: &[u8], seen: &mut Seen) {
    seen.complete = true;
    if let Some(completion) = Completion::parse(body) {
        completion.note(seen);
    }
}

// === impl Completion ===

impl<'a> Completion<'a> {
    /// `None`: not an object, or not JSON. Where the choices have an unknown shape, the rest is
    /// still read.
    pub(super) fn parse(json: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Loose<'a> {
            #[serde(borrow)]
            model: Option<AnyText<'a>>,
            #[serde(borrow)]
            choices: Option<&'a RawValue>,
            #[serde(borrow)]
            usage: Option<&'a RawValue>,
            #[serde(borrow)]
            error: Option<&'a RawValue>,
        }
        serde_json::from_slice(json).ok().or_else(|| {
            let Loose {
                model,
                choices,
                usage,
                error,
            } = serde_json::from_slice(json).ok()?;
            let text = choices.and_then(|choices| serde_json::from_str(choices.get()).ok());
            let said = Said {
                content: text,
                reasoning_content: None,
                reasoning: None,
                refusal: None,
                tool_calls: None,
                function_call: None,
            };
            let choice = Choice {
                delta: Some(said),
                message: None,
                finish_reason: None,
            };
            Some(Self {
                id: None,
                created: Count::default(),
                model,
                choices: Some(vec![choice]),
                usage,
                error,
            })
        })
    }

    /// The chunk that OpenAI sends last for `include_usage`: usage and no choice.
    pub(super) fn is_usage_only(&self) -> bool {
        self.usage.is_some() && self.choices.as_ref().is_some_and(Vec::is_empty)
    }

    /// Puts what this chunk says of itself into `stamp`; what it does not say stays.
    pub(super) fn stamp(&self, stamp: &mut Stamp) {
        let texts = [
            (&self.id, &mut stamp.id, 256),
            (&self.model, &mut stamp.model, 512),
        ];
        for (said, kept, bytes_max) in texts {
            if let Some(AnyText(text)) = said
                && !text.is_empty()
            {
                *kept = prefix(text, bytes_max).to_owned();
            }
        }
        if let Ok(created @ 1..) = i64::try_from(self.created.0) {
            stamp.created = created;
        }
    }

    /// Choices that finished. Some servers send an empty reason until then.
    pub(super) fn finished(&self) -> u64 {
        let reasons = self
            .choices
            .iter()
            .flatten()
            .filter_map(|choice| choice.finish_reason);
        reasons.filter(|reason| reason.get() != "\"\"").count() as u64
    }

    /// Notes model, text, usage and error.
    pub(super) fn note(&self, seen: &mut Seen) {
        if let Some(AnyText(model)) = &self.model {
            seen.name_model(model);
        }
        for choice in self.choices.iter().flatten() {
            for said in [&choice.delta, &choice.message].into_iter().flatten() {
                for AnyText(text) in said.texts().into_iter().flatten() {
                    seen.generate(text);
                }
            }
        }
        if let Some(usage) = self.usage.and_then(|usage| usage_of(usage.get())) {
            seen.report(usage);
        }
        if let Some(error) = self.error {
            seen.fail(&error_message(error.get()));
        }
    }
}

// === impl Said ===

impl<'a> Said<'a> {
    fn texts(&self) -> [Option<&AnyText<'a>>; 5] {
        [
            self.reasoning_content.as_ref().or(self.reasoning.as_ref()),
            self.content.as_ref(),
            self.refusal.as_ref(),
            self.tool_calls.as_ref(),
            self.function_call.as_ref(),
        ]
    }
}

/// Usage in our convention, which is OpenAI's. Where the total is more than its parts, the rest
/// is output: some compatible servers leave reasoning out of `completion_tokens` alone.
fn usage_of(json: &str) -> Option<Usage> {
    let wire: WireUsage = serde_json::from_str(json).ok()?;
    let prompt = wire.prompt_tokens_details.unwrap_or_default();
    let completion = wire.completion_tokens_details.unwrap_or_default();
    let input = wire.prompt_tokens.0;
    let output = wire
        .completion_tokens
        .0
        .max(wire.total_tokens.0.saturating_sub(input));
    Some(Usage {
        input,
        cached_input: prompt.cached_tokens.0.min(input),
        cache_write: prompt.cache_creation_tokens.0.min(input),
        output,
        reasoning: completion.reasoning_tokens.0.min(output),
    })
}

/// The message of an error of any shape.
pub(super) fn error_message(error: &str) -> String {
    #[derive(Deserialize)]
    struct WithMessage<'a> {
        #[serde(borrow)]
        message: Text<'a>,
    }
    if let Ok(WithMessage { message }) = serde_json::from_str(error) {
        return message.0.into_owned();
    }
    serde_json::from_str::<Text<'_>>(error)
        .map_or_else(|_| error.to_owned(), |text| text.0.into_owned())
}
