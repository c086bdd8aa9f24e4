//! `POST /v1/chat/completions` as clients send it: what must be known before it is routed.
//!
//! On the hot path: one pass over the body validates it and counts its messages and parts;
//! nothing of the messages is copied. Fed by `engine`, feeds [`crate::translate`].

mod scalar;
mod shape;
mod top;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::{InvalidRequest, json::span_in};

/// What the gateway needs to know of a chat request; the rest stays bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatRequest {
    /// Model that the client asks for.
    pub model: String,
    /// Wants server-sent events.
    pub stream: bool,
    /// Wants the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// `max_completion_tokens`, else `max_tokens`.
    pub output_tokens_max: Option<u64>,
    /// `n`, at least 1.
    pub choices: u64,
    /// What the input is made of.
    pub input: InputShape,
    /// Where values that the gateway may have to replace stand in the body.
    pub spans: Spans,
}

/// Sizes from which a bound on the input tokens follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputShape {
    /// Length of the whole body: every token of text is at least one byte of it.
    pub body_bytes: u64,
    /// Messages.
    pub messages: u64,
    /// Image parts (they cost tokens that no byte count bounds).
    pub images: u64,
    /// Audio parts.
    pub audios: u64,
    /// File parts, and image parts that are PDFs.
    pub files: u64,
    /// Bytes of the body inside image parts and PDF files: not text.
    pub binary_bytes: u64,
    /// Bytes of the body inside audio parts.
    pub audio_bytes: u64,
    /// Features that make a provider put a prompt of its own before the messages: tools (one,
    /// however many), a `response_format` other than text.
    pub hidden_prompts: u64,
}

/// Byte ranges of top-level values in the body (`None`: the field is absent).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// Value of `model`, quotes included.
    pub model: Option<Range<usize>>,
    /// Value of `max_tokens`.
    pub max_tokens: Option<Range<usize>>,
    /// Value of `max_completion_tokens`.
    pub max_completion_tokens: Option<Range<usize>>,
    /// Value of `stream_options`.
    pub stream_options: Option<Range<usize>>,
}

// === impl ChatRequest ===

impl ChatRequest {
    /// Parses a body, validating all of it as JSON.
    ///
    /// # Errors
    ///
    /// Not JSON, not an object, a known field given twice or of the wrong type, no `model`, no
    /// `messages`, both limits given and different (OpenAI API reference, "Create chat
    /// completion": only one of them may be set).
    pub fn parse(body: &[u8]) -> Result<Self, InvalidRequest> {
        let text = std::str::from_utf8(body)
            .map_err(|error| InvalidRequest::body(format_args!("is not UTF-8: {error}")))?;
        let top = top::read(text)?;
        let model = scalar::model(top.model)?;
        let input = top.messages.ok_or_else(|| {
            InvalidRequest::field("messages", "is required and must be an array of messages")
        })?;
        let max_tokens = scalar::limit("max_tokens", top.max_tokens)?;
        let max_completion_tokens =
            scalar::limit("max_completion_tokens", top.max_completion_tokens)?;
        if let (Some(old), Some(new)) = (max_tokens, max_completion_tokens)
            && old != new
        {
            return Err(InvalidRequest::field(
                "max_tokens",
                format_args!("is {old} but max_completion_tokens is {new}; give only one of them"),
            ));
        }
        let hidden_prompts =
            u64::from(scalar::is_given(top.tools) || scalar::is_given(top.functions))
                + u64::from(scalar::is_given(top.response_format));
        let span = |value: Option<&serde_json::value::RawValue>| {
            value.and_then(|value| span_in(text, value.get()))
        };
        Ok(Self {
            model,
            stream: scalar::flag("stream", top.stream)?,
            include_usage: scalar::include_usage(top.stream_options)?,
            output_tokens_max: max_completion_tokens.or(max_tokens),
            choices: scalar::choices(top.n)?,
            input: InputShape {
                body_bytes: body.len() as u64,
                hidden_prompts,
                ..input
            },
            spans: Spans {
                model: span(top.model),
                max_tokens: span(top.max_tokens),
                max_completion_tokens: span(top.max_completion_tokens),
                stream_options: span(top.stream_options),
            },
        })
    }
}
