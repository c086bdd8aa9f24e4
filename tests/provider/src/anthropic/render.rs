//! An answer in Anthropic's wire format, whole or as server-sent events.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    ask::Streaming,
    generate::{Choice, Content, Finish, joined},
    script::{Produced, Prompt, Rendering, Script, Step, Usage, UsageMode, plain},
    tokens::Piece,
};

/// How every signature of a thinking block begins; `rules` accepts no other.
pub(super) const SIGNATURE_PREFIX: &str = "c2ltdWxhdGVk";

/// The script of a successful answer.
pub(crate) fn render(rendering: &Rendering<'_>) -> Script {
    let mut script = match rendering.ask.stream {
        Streaming::Whole => whole(rendering),
        Streaming::Events | Streaming::EventsWithUsage => events(rendering),
    };
    script.prompt = Prompt::of(rendering.ask);
    script
}

/// A content block: as it starts, its deltas, and as it is when complete.
struct Block<'a> {
    start: Value,
    /// `(delta type, field)` of its deltas.
    delta: (&'static str, &'static str),
    pieces: &'a [Piece],
    /// Tokens that leave with the block's first delta besides the piece's own.
    extra_tokens: u64,
    signature: Option<String>,
    whole: Value,
}

fn blocks<'a>(rendering: &Rendering<'_>, choice: &'a Choice) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    if !choice.reasoning.is_empty() {
        let signature = format!("{SIGNATURE_PREFIX}{:012}", rendering.number);
        blocks.push(Block {
            start: json!({"type": "thinking", "thinking": "", "signature": ""}),
            delta: ("thinking_delta", "thinking"),
            pieces: &choice.reasoning,
            extra_tokens: 0,
            whole: json!({"type": "thinking", "thinking": joined(&choice.reasoning), "signature": signature}),
            signature: Some(signature),
        });
    }
    match &choice.content {
        Content::Text(pieces) if pieces.is_empty() => {}
        Content::Text(pieces) => blocks.push(Block {
            start: json!({"type": "text", "text": ""}),
            delta: ("text_delta", "text"),
            pieces,
            extra_tokens: 0,
            whole: json!({"type": "text", "text": joined(pieces)}),
            signature: None,
        }),
        Content::Calls(calls) => blocks.extend(calls.iter().enumerate().map(|(position, call)| {
            let id = format!("toolu_sim{:012}_{position}", rendering.number);
            // Arguments that a limit cut short are no JSON; the real API then gives what parsed.
            let input: Value =
                serde_json::from_str(&joined(&call.arguments)).unwrap_or_else(|_| json!({}));
            Block {
                start: json!({"type": "tool_use", "id": id, "name": call.name, "input": {}}),
                delta: ("input_json_delta", "partial_json"),
                pieces: &call.arguments,
                extra_tokens: call.name_tokens,
                whole: json!({"type": "tool_use", "id": id, "name": call.name, "input": input}),
                signature: None,
            }
        })),
    }
    blocks
}

fn message(rendering: &Rendering<'_>) -> Value {
    json!({
        "id": format!("msg_sim{:012}", rendering.number),
        "type": "message",
        "role": "assistant",
        "model": rendering.ask.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    })
}

fn stop_fields(finish: &Finish) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Stop => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", Some(sequence)),
        Finish::Length => ("max_tokens", None),
        Finish::ToolCalls => ("tool_use", None),
    }
}

/// Usage counts cached and cache-write tokens beside `input_tokens`, not within.
fn usage_json(usage: Usage) -> Value {
    let Usage { prompt, produced } = usage;
    let mut json = json!({
        "input_tokens": prompt.input - prompt.cached - prompt.cache_write,
        "cache_creation_input_tokens": prompt.cache_write,
        "cache_read_input_tokens": prompt.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": prompt.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": produced.output,
        "service_tier": "standard",
    });
    if produced.reasoning > 0 {
        json["output_tokens_details"] = json!({"thinking_tokens": produced.reasoning});
    }
    json
}

fn whole(rendering: &Rendering<'_>) -> Script {
    let mut body = message(rendering);
    let produced = rendering.answer.produced();
    if let Some(choice) = rendering.answer.choices.first() {
        let (reason, sequence) = stop_fields(&choice.finish);
        body["content"] = blocks(rendering, choice)
            .into_iter()
            .map(|block| block.whole)
            .collect();
        body["stop_reason"] = reason.into();
        body["stop_sequence"] = sequence.into();
    }
    if rendering.usage_mode != UsageMode::None {
        body["usage"] = usage_json(rendering.usage(produced));
    }
    let mut script = Script::json(StatusCode::OK, Bytes::from(body.to_string()));
    if let Some(Step::Send(frame)) = script.steps.first_mut() {
        frame.produced = produced;
    }
    script
}

fn events(rendering: &Rendering<'_>) -> Script {
    let mut events = Events {
        rendering,
        steps: Vec::new(),
        sent: Produced::default(),
    };
    events.all();
    Script {
        content_type: "text/event-stream; charset=utf-8",
        steps: events.steps,
        length: None,
        ..Script::json(StatusCode::OK, Bytes::new())
    }
}

struct Events<'a> {
    rendering: &'a Rendering<'a>,
    steps: Vec<Step>,
    sent: Produced,
}

// === impl Events ===

impl Events<'_> {
    fn all(&mut self) {
        let rendering = self.rendering;
        let mut start = message(rendering);
        if rendering.usage_mode != UsageMode::None {
            // The real API has generated its first token by the time it sends this.
            let first = Produced {
                output: 1,
                reasoning: 0,
            };
            start["usage"] = usage_json(rendering.usage(first));
        }
        self.push("message_start", json!({"message": start}));
        let Some(choice) = rendering.answer.choices.first() else {
            return;
        };
        for (index, block) in blocks(rendering, choice).into_iter().enumerate() {
            self.block(index, &block);
        }
        if let UsageMode::Late(pause) = rendering.usage_mode {
            self.steps.push(Step::Pause(pause));
        }
        let (reason, sequence) = stop_fields(&choice.finish);
        let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
        if rendering.usage_mode == UsageMode::Twice {
            self.message_delta(&delta);
        }
        self.message_delta(&delta);
        self.push("message_stop", json!({}));
    }

    fn block(&mut self, index: usize, block: &Block<'_>) {
        self.push(
            "content_block_start",
            json!({"index": index, "content_block": block.start}),
        );
        if index == 0 {
            self.push("ping", json!({}));
        }
        let (kind, field) = block.delta;
        let is_thinking = kind == "thinking_delta";
        let mut extra_tokens = block.extra_tokens;
        for piece in block.pieces {
            let tokens = piece.tokens + std::mem::take(&mut extra_tokens);
            let produced = Produced {
                output: tokens,
                reasoning: if is_thinking { tokens } else { 0 },
            };
            self.sent += produced;
            let event = event(
                "content_block_delta",
                json!({"index": index, "delta": {"type": kind, field: piece.text}}),
            );
            self.rendering
                .push_content(&mut self.steps, event, produced);
            if self.rendering.usage_mode == UsageMode::Cumulative {
                self.message_delta(&json!({"stop_reason": null, "stop_sequence": null}));
            }
        }
        if let Some(signature) = &block.signature {
            self.push("content_block_delta", json!({"index": index, "delta": {"type": "signature_delta", "signature": signature}}));
        }
        self.push("content_block_stop", json!({"index": index}));
    }

    fn message_delta(&mut self, delta: &Value) {
        let mut event = json!({"delta": delta});
        if self.rendering.usage_mode != UsageMode::None {
            event["usage"] = usage_json(self.rendering.usage(self.sent));
        }
        self.push("message_delta", event);
    }

    fn push(&mut self, kind: &str, fields: Value) {
        self.steps.push(plain(event(kind, fields)));
    }
}

fn event(kind: &str, mut fields: Value) -> Bytes {
    fields["type"] = kind.into();
    Bytes::from(format!("event: {kind}\ndata: {fields}\n\n"))
}
