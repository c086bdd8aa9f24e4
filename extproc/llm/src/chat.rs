//! `POST /v1/chat/completions` as clients send it: what must be known before it is routed.

use std::ops::Range;

use crate::InvalidRequest;

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
    /// File parts.
    pub files: u64,
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
    /// `messages`.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidRequest> {
        let _ = body;
        Err(InvalidRequest { message: String::new(), param: None })
    }
}
