//! A provider's answer on its way to the client: translated back, its usage read, whole or
//! streamed.

use bytes::Bytes;
use tollgate_bundle::Api;

use crate::{ChatRequest, Usage};

/// Reads one answer. Feed it the head, then the body in pieces of any size.
#[derive(Debug)]
pub struct Answer {}

/// How the host should hand over the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyReading {
    /// All of it at once, in one call with `end` set.
    Whole,
    /// Piece by piece as it comes.
    Pieces,
}

/// What changes in the head of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadChange {
    /// New `content-type`; `None` keeps it.
    pub content_type: Option<&'static str>,
    /// The body's length may change: `content-length` must go.
    pub length_changes: bool,
    /// How the body is to be handed over.
    pub reading: BodyReading,
}

/// What becomes of a piece of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyChange {
    /// Goes on byte for byte.
    Keep,
    /// Goes on as this (possibly empty).
    Replace(Bytes),
}

/// What is known of an answer, at its end or when it was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerOutcome {
    /// Usage that the provider reported; `None`: it reported none (or all zeros).
    pub usage: Option<Usage>,
    /// Text generated so far (content, reasoning, tool arguments), up to a bound, for counting
    /// when `usage` is missing.
    pub generated: String,
    /// Model that the provider says it used.
    pub model: Option<String>,
    /// The provider said that it finished (a finish reason, `[DONE]`, `message_stop`, or a whole
    /// body).
    pub complete: bool,
    /// The provider reported an error within a stream.
    pub failed: Option<String>,
}

// === impl Answer ===

impl Answer {
    /// Starts reading the answer of a provider that speaks `api` to `request`.
    /// `created` is Unix seconds, for answers that lack it; `id` likewise.
    pub fn new(api: &Api, request: &ChatRequest, created: i64, id: &str) -> Self {
        let _ = (api, request, created, id);
        Self {}
    }

    /// Takes the head: HTTP status and `content-type`.
    pub fn on_head(&mut self, status: u16, content_type: Option<&str>) -> HeadChange {
        let _ = (status, content_type);
        HeadChange { content_type: None, length_changes: false, reading: BodyReading::Whole }
    }

    /// Takes a piece of the body; `end` is set on the last (which may be empty).
    pub fn on_body(&mut self, piece: &Bytes, end: bool) -> BodyChange {
        let _ = (piece, end);
        BodyChange::Keep
    }

    /// A content token has reached the client.
    pub fn has_content(&self) -> bool {
        false
    }

    /// What is known so far.
    pub fn outcome(&self) -> AnswerOutcome {
        let _ = Usage::default();
        AnswerOutcome::default()
    }
}
