//! A stream of Anthropic as chunks of a chat completion, event by event: for each piece that
//! comes in, one that goes out.

mod writer;

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use self::writer::Writer;
use super::{
    BodyChange,
    anthropic_wire::{Block, Delta as WireDelta, Event, Message, WireUsage, finish_reason, text},
    chunk::{Delta, FunctionCall, Stamp, ThinkingBlock, ToolCall},
    closing,
    seen::Seen,
    sse::{self, Boundaries, EVENT_BYTES_MAX},
};
use crate::{
    ErrorBody, Usage,
    json::{Text, prefix},
};

#[derive(Debug)]
pub(super) struct AnthropicStream {
    boundaries: Boundaries,
    /// Bytes of an event that has not ended yet.
    pending: Vec<u8>,
    writer: Writer,
    block: OpenBlock,
    /// Calls so far: OpenAI numbers them, apart from text blocks.
    tools: u64,
    usage: WireUsage,
    /// After the last event, or the provider's error, nothing more is read.
    is_over: bool,
    /// The client was told that the stream is over (an event was not understood, or the gateway
    /// ended it): nothing more goes out, but what the provider goes on to produce and to report
    /// is still counted.
    is_broken: bool,
}

/// The content block that is being streamed: Anthropic streams one after the other.
#[derive(Debug)]
enum OpenBlock {
    None,
    Thinking {
        thinking: String,
        signature: String,
    },
    Tool {
        index: u64,
        /// No arguments have come.
        is_bare: bool,
    },
}

// === impl AnthropicStream ===

impl AnthropicStream {
    pub(super) fn new(stamp: Stamp, include_usage: bool) -> Self {
        Self {
            boundaries: Boundaries::default(),
            pending: Vec::new(),
            writer: Writer {
                stamp,
                include_usage,
                out: Vec::new(),
            },
            block: OpenBlock::None,
            tools: 0,
            usage: WireUsage::default(),
            is_over: false,
            is_broken: false,
        }
    }

    pub(super) fn on_piece(&mut self, piece: &[u8], end: bool, seen: &mut Seen) -> BodyChange {
        let mut at = usize::from(self.boundaries.take_split_line_end(piece));
        if at == 1 && !self.pending.is_empty() {
            self.pending.push(b'\n');
        }
        while let Some(event_end) = self.boundaries.next_end(piece, at) {
            let bytes = piece.get(at..event_end).unwrap_or_default();
            at = event_end;
            if self.pending.is_empty() {
                self.on_event(bytes, seen);
            } else {
                let mut event = std::mem::take(&mut self.pending);
                event.extend_from_slice(bytes);
                self.on_event(&event, seen);
            }
        }
        self.pending
            .extend_from_slice(piece.get(at..).unwrap_or_default());
        if self.pending.len() > EVENT_BYTES_MAX {
            self.fail("an event of the provider's stream is too long", seen);
            self.pending = Vec::new();
        }
        if end {
            let event = std::mem::take(&mut self.pending);
            self.on_event(&event, seen);
        }
        BodyChange::Replace(Bytes::from(std::mem::take(&mut self.writer.out)))
    }

    /// Ends the stream for the client; what the provider goes on to say is still read.
    pub(super) fn cut(&mut self, usage: Usage) -> Bytes {
        self.stop();
        let mut out = std::mem::take(&mut self.writer.out);
        let Writer {
            stamp,
            include_usage,
            ..
        } = &self.writer;
        closing::write(&mut out, stamp, 1, *include_usage, usage);
        self.is_broken = true;
        Bytes::from(out)
    }

    fn on_event(&mut self, event: &[u8], seen: &mut Seen) {
        let Some(data) = sse::data(event).filter(|_| !self.is_over) else {
            return;
        };
        match serde_json::from_slice::<Event<'_>>(&data) {
            Ok(event) => {
                let written = self.writer.out.len();
                self.translate(&event, seen);
                if self.is_broken {
                    self.writer.out.truncate(written);
                }
            }
            Err(_) if is_unknown(&data) => {}
            Err(error) => {
                self.fail(
                    &format!("an event of the provider's stream is invalid: {error}"),
                    seen,
                );
            }
        }
    }

    fn translate(&mut self, event: &Event<'_>, seen: &mut Seen) {
        match (event.r#type.0.as_ref(), event) {
            (
                "message_start",
                Event {
                    message: Some(message),
                    ..
                },
            ) => self.begin(message, seen),
            (
                "content_block_start",
                Event {
                    content_block: Some(block),
                    ..
                },
            ) => {
                self.start(block, seen);
            }
            (
                "content_block_delta",
                Event {
                    delta: Some(delta), ..
                },
            ) => self.go_on(delta, seen),
            ("content_block_stop", _) => self.stop(),
            ("message_delta", Event { delta, usage, .. }) => {
                self.usage.update(usage.unwrap_or_default());
                seen.report(self.usage.to_usage());
                if let Some(reason) = delta.as_ref().and_then(|delta| delta.stop_reason.as_ref()) {
                    self.writer
                        .delta(Delta::default(), Some(finish_reason(&reason.0)));
                }
            }
            ("message_stop", _) => {
                self.stop();
                seen.report(self.usage.to_usage());
                seen.complete = true;
                self.writer.finish(&self.usage);
                self.is_over = true;
            }
            (
                "error",
                Event {
                    error: Some(error), ..
                },
            ) => {
                let error = error.to_openai(None);
                seen.fail(&error.message);
                self.writer.error(&error);
                self.is_over = true;
            }
            // `ping`, and what may come ("Streaming Messages", other events).
            _ => {}
        }
    }

    fn begin(&mut self, message: &Message<'_>, seen: &mut Seen) {
        if let Some(id) = &message.id {
            self.writer.stamp.id = prefix(&id.0, 256).to_owned();
        }
        if let Some(model) = &message.model {
            seen.name_model(&model.0);
            self.writer.stamp.model = prefix(&model.0, 512).to_owned();
        }
        self.usage.update(message.usage);
        seen.report(self.usage.to_usage());
        let role = Some("assistant");
        self.writer.delta(
            Delta {
                role,
                content: Some(""),
                ..Delta::default()
            },
            None,
        );
    }

    fn start(&mut self, block: &Block<'_>, seen: &mut Seen) {
        self.stop();
        match block.r#type.0.as_ref() {
            "text" => self.say(text(&block.text), seen),
            "thinking" => {
                self.block = OpenBlock::Thinking {
                    thinking: String::new(),
                    signature: String::new(),
                };
                self.think(text(&block.thinking), seen);
                self.sign(text(&block.signature));
            }
            "redacted_thinking" => {
                let data = Cow::Borrowed(text(&block.data));
                let thinking_blocks = vec![ThinkingBlock::RedactedThinking { data }];
                self.writer.delta(
                    Delta {
                        thinking_blocks,
                        ..Delta::default()
                    },
                    None,
                );
            }
            "tool_use" => {
                let (index, name) = (self.tools, text(&block.name));
                self.tools += 1;
                self.block = OpenBlock::Tool {
                    index,
                    is_bare: true,
                };
                seen.generate(name);
                self.writer.call(ToolCall {
                    index: Some(index),
                    id: Some(Cow::Borrowed(text(&block.id))),
                    r#type: Some("function"),
                    function: FunctionCall {
                        name: Some(Cow::Borrowed(name)),
                        arguments: Cow::Borrowed(""),
                    },
                });
                self.argue(block.arguments(), seen);
            }
            // Blocks of server-side tools.
            _ => {}
        }
    }

    fn go_on(&mut self, delta: &WireDelta<'_>, seen: &mut Seen) {
        self.say(text(&delta.text), seen);
        self.think(text(&delta.thinking), seen);
        self.sign(text(&delta.signature));
        self.argue(text(&delta.partial_json), seen);
    }

    /// A thinking block goes out once more as a whole, signed, so that a client can give it
    /// back; a call without arguments gets the empty object that clients expect to parse.
    fn stop(&mut self) {
        match std::mem::replace(&mut self.block, OpenBlock::None) {
            OpenBlock::Thinking {
                thinking,
                signature,
            } if !signature.is_empty() => {
                let (thinking, signature) = (Cow::Owned(thinking), Cow::Owned(signature));
                let thinking_blocks = vec![ThinkingBlock::Thinking {
                    thinking,
                    signature,
                }];
                self.writer.delta(
                    Delta {
                        thinking_blocks,
                        ..Delta::default()
                    },
                    None,
                );
            }
            OpenBlock::Tool {
                index,
                is_bare: true,
            } => self.writer.arguments(index, "{}"),
            OpenBlock::None | OpenBlock::Thinking { .. } | OpenBlock::Tool { .. } => {}
        }
    }

    fn say(&mut self, text: &str, seen: &mut Seen) {
        if !text.is_empty() {
            seen.generate(text);
            self.writer.delta(
                Delta {
                    content: Some(text),
                    ..Delta::default()
                },
                None,
            );
        }
    }

    fn think(&mut self, text: &str, seen: &mut Seen) {
        if text.is_empty() {
            return;
        }
        seen.generate(text);
        if let OpenBlock::Thinking {
            thinking,
            signature,
        } = &mut self.block
        {
            if thinking.len() + text.len() <= EVENT_BYTES_MAX {
                thinking.push_str(text);
            } else {
                // Cut thinking does not match its signature.
                signature.clear();
            }
        }
        self.writer.delta(
            Delta {
                reasoning_content: Some(text),
                ..Delta::default()
            },
            None,
        );
    }

    fn sign(&mut self, more: &str) {
        if let OpenBlock::Thinking { signature, .. } = &mut self.block
            && signature.len() + more.len() <= EVENT_BYTES_MAX
        {
            signature.push_str(more);
        }
    }

    fn argue(&mut self, json: &str, seen: &mut Seen) {
        // Server-side tools stream input too: nothing that the client could act on.
        let OpenBlock::Tool { index, is_bare } = &mut self.block else {
            return;
        };
        if !json.is_empty() {
            *is_bare = false;
            seen.generate(json);
            self.writer.arguments(*index, json);
        }
    }

    fn fail(&mut self, message: &str, seen: &mut Seen) {
        if self.is_over || self.is_broken {
            return;
        }
        seen.fail(message);
        self.writer.error(&ErrorBody {
            message: message.to_owned(),
            r#type: "server_error".to_owned(),
            param: None,
            code: Some("provider_answer_invalid".to_owned()),
        });
        self.is_broken = true;
    }
}

/// An event of a type that may come with later versions of the API is skipped, whatever its
/// shape.
fn is_unknown(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        r#type: Text<'a>,
    }
    const KNOWN: [&str; 7] = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    ];
    serde_json::from_slice::<Kind<'_>>(data)
        .is_ok_and(|kind| !KNOWN.contains(&kind.r#type.0.as_ref()))
}
