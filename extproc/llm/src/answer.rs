//! A provider's answer on its way to the client: translated back, its usage read, whole or
//! streamed.

mod anthropic_error;
mod anthropic_openai;
mod anthropic_openai_stream;
mod anthropic_wire;
mod chunk;
mod closing;
mod openai;
mod openai_error;
mod openai_stream;
mod seen;
mod sse;
mod whole;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use tollgate_bundle::Api;

use self::{
    anthropic_openai_stream::AnthropicStream,
    chunk::Stamp,
    openai_stream::{OpenAiStream, Wanted},
    seen::Seen,
    whole::Whole,
};
use crate::{ChatRequest, Usage};

/// Reads one answer. Feed it the head, then the body in pieces of any size.
#[derive(Debug)]
pub struct Answer {
    dialect: Dialect,
    /// What chunks and completions of our own making carry.
    stamp: Stamp,
    include_usage: bool,
    may_cut: bool,
    choices: u64,
    seen: Seen,
    body: Body,
}

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
    /// Usage that the provider reported last; `None`: it reported none, all zeros, or no output
    /// for an answer that has text. Where the answer is not `complete`, the input side is exact
    /// and the output may be less than was generated (Anthropic reports both at the start).
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Anthropic,
}

/// What the body turned out to be, from status and `content-type`.
#[derive(Debug)]
enum Body {
    Unknown,
    OpenAiStream(OpenAiStream),
    AnthropicStream(Box<AnthropicStream>),
    OpenAiWhole(Whole),
    AnthropicWhole(Whole),
    Error { status: u16, whole: Whole },
}

// === impl Answer ===

impl Answer {
    /// Starts reading the answer of a provider that speaks `api` to `request`.
    /// `created` is Unix seconds, for answers that lack it; `id` likewise.
    pub fn new(api: &Api, request: &ChatRequest, created: i64, id: &str) -> Self {
        let dialect = match api {
            Api::OpenAi { .. } | Api::AzureOpenAi { .. } => Dialect::OpenAi,
            Api::Anthropic { .. } => Dialect::Anthropic,
        };
        Self {
            dialect,
            stamp: Stamp {
                id: id.to_owned(),
                created,
                model: request.model.clone(),
            },
            include_usage: request.include_usage,
            may_cut: false,
            choices: request.choices,
            seen: Seen::default(),
            body: Body::Unknown,
        }
    }

    /// The gateway may have to end this answer before its provider does: no piece goes on that
    /// ends within an event. To be said before the head is taken.
    pub fn may_be_cut(&mut self) {
        self.may_cut = true;
    }

    /// Takes the head: HTTP status and `content-type`.
    ///
    /// What the client asked for does not matter: a provider may answer a streaming request
    /// whole and the other way round.
    pub fn on_head(&mut self, status: u16, content_type: Option<&str>) -> HeadChange {
        let media_type = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        if !(200..300).contains(&status) {
            self.body = Body::Error {
                status,
                whole: Whole::default(),
            };
            return HeadChange {
                content_type: (media_type != "application/json").then_some("application/json"),
                length_changes: true,
                reading: BodyReading::Whole,
            };
        }
        match (self.dialect, media_type == "text/event-stream") {
            (Dialect::OpenAi, true) => {
                let wanted = Wanted {
                    include_usage: self.include_usage,
                    may_cut: self.may_cut,
                    choices: self.choices,
                };
                let stream = OpenAiStream::new(wanted, &self.stamp);
                self.body = Body::OpenAiStream(stream);
                HeadChange {
                    content_type: None,
                    length_changes: !self.include_usage || self.may_cut,
                    reading: BodyReading::Pieces,
                }
            }
            (Dialect::OpenAi, false) => {
                self.body = Body::OpenAiWhole(Whole::default());
                HeadChange {
                    content_type: None,
                    length_changes: false,
                    reading: BodyReading::Whole,
                }
            }
            (Dialect::Anthropic, true) => {
                let stream = AnthropicStream::new(self.stamp.clone(), self.include_usage);
                self.body = Body::AnthropicStream(Box::new(stream));
                HeadChange {
                    content_type: None,
                    length_changes: true,
                    reading: BodyReading::Pieces,
                }
            }
            (Dialect::Anthropic, false) => {
                self.body = Body::AnthropicWhole(Whole::default());
                HeadChange {
                    content_type: (media_type != "application/json").then_some("application/json"),
                    length_changes: true,
                    reading: BodyReading::Whole,
                }
            }
        }
    }

    /// Takes a piece of the body; `end` is set on the last (which may be empty).
    pub fn on_body(&mut self, piece: &Bytes, end: bool) -> BodyChange {
        let (dialect, seen) = (self.dialect, &mut self.seen);
        match &mut self.body {
            Body::Unknown => BodyChange::Keep,
            Body::OpenAiStream(stream) => stream.on_piece(piece, end, seen),
            Body::AnthropicStream(stream) => stream.on_piece(piece, end, seen),
            Body::OpenAiWhole(whole) => whole.watch(piece, end, |body| openai::read(body, seen)),
            Body::AnthropicWhole(whole) => whole.change(piece, end, |body| {
                let body = body.map(Bytes::as_ref).unwrap_or_default();
                BodyChange::Replace(anthropic_openai::translate(body, &self.stamp, seen))
            }),
            Body::Error { status, whole } => whole.change(piece, end, |body| {
                let body = body.map(Bytes::as_ref).unwrap_or_default();
                seen.complete = true;
                match dialect {
                    Dialect::OpenAi => openai_error::change(*status, body),
                    Dialect::Anthropic => anthropic_error::change(*status, body),
                }
            }),
        }
    }

    /// Ends a stream in the place of its provider, as one that ran into its token limit: what is
    /// returned goes to the client instead of the piece that was taken last. Later pieces become
    /// empty, but are still read. `None`: the answer is no stream, or
    /// [`Self::may_be_cut`] was not called.
    pub fn cut(&mut self, usage: Usage) -> Option<Bytes> {
        match &mut self.body {
            Body::OpenAiStream(stream) => stream.cut(usage),
            Body::AnthropicStream(stream) => Some(stream.cut(usage)),
            _ => None,
        }
    }

    /// Whether the client asked for the usage chunk.
    pub fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// Text generated so far, up to a bound, and how many bytes it was in all.
    pub fn generated(&self) -> (&str, u64) {
        (self.seen.generated(), self.seen.generated_bytes())
    }

    /// A content token has reached the client.
    pub fn has_content(&self) -> bool {
        self.seen.has_content()
    }

    /// What is known so far.
    pub fn outcome(&self) -> AnswerOutcome {
        self.seen.outcome()
    }
}
