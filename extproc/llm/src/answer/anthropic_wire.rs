//! Anthropic's answers: the message object and the events of a stream (Anthropic API reference,
//! "Messages", response; "Streaming Messages").

use serde::Deserialize;
use serde_json::value::RawValue;

use super::anthropic_error::AnthropicError;
use crate::{
    Usage,
    json::{Count, Text},
};

/// A whole message, or the start of one.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) content: Vec<Block<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Text<'a>>,
    #[serde(default)]
    pub(super) usage: WireUsage,
}

/// A content block: `text`, `thinking`, `redacted_thinking`, `tool_use`, or one of a server-side
/// tool. Flat, not an enum by tag, so that `input` keeps its bytes (a tagged enum is buffered).
#[derive(Debug, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

/// `message_start`, `content_block_start`, `content_block_delta`, `content_block_stop`,
/// `message_delta`, `message_stop`, `error`, `ping`.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) content_block: Option<Block<'a>>,
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
    pub(super) usage: Option<WireUsage>,
    #[serde(borrow)]
    pub(super) error: Option<AnthropicError<'a>>,
}

/// Of a content block: `text_delta`, `thinking_delta`, `signature_delta`, `input_json_delta`,
/// each with a field of its own; or of the message.
#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Text<'a>>,
}

/// Counts so far; those of `message_delta` are cumulative, and absent where they did not change.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct OutputDetails {
    #[serde(alias = "reasoning_tokens")]
    thinking_tokens: Option<Count>,
}

/// OpenAI's `finish_reason` for a `stop_reason`; one that is not known is a stop.
pub(super) fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        // end_turn, stop_sequence, pause_turn
        _ => "stop",
    }
}

/// The text of an optional field; absent is empty.
pub(super) fn text<'t>(field: &'t Option<Text<'_>>) -> &'t str {
    field.as_ref().map_or("", |text| text.0.as_ref())
}

// === impl Block ===

impl<'a> Block<'a> {
    /// Arguments of a call, as the provider wrote them; a call without any is empty.
    pub(super) fn arguments(&self) -> &'a str {
        match self.input.map(RawValue::get) {
            None => "",
            Some(input)
                if input
                    .strip_prefix('{')
                    .is_some_and(|rest| rest.trim() == "}") =>
            {
                ""
            }
            Some(input) => input,
        }
    }
}

// === impl WireUsage ===

impl WireUsage {
    /// Sets what `newer` reports, keeps the rest.
    pub(super) fn update(&mut self, newer: Self) {
        let Self {
            input_tokens,
            cache_read_input_tokens,
            cache_creation_input_tokens,
            output_tokens,
            output_tokens_details,
        } = newer;
        self.input_tokens = input_tokens.or(self.input_tokens);
        self.cache_read_input_tokens = cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.output_tokens = output_tokens.or(self.output_tokens);
        self.output_tokens_details = output_tokens_details.or(self.output_tokens_details);
    }

    /// In our convention: Anthropic counts cached tokens beside `input_tokens`.
    pub(super) fn to_usage(self) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let cached_input = count(self.cache_read_input_tokens);
        let cache_write = count(self.cache_creation_input_tokens);
        let output = count(self.output_tokens);
        let reasoning = self
            .output_tokens_details
            .and_then(|details| details.thinking_tokens);
        Usage {
            input: count(self.input_tokens)
                .saturating_add(cached_input)
                .saturating_add(cache_write),
            cached_input,
            cache_write,
            output,
            reasoning: count(reasoning).min(output),
        }
    }
}
