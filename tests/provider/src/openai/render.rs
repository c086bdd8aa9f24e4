//! An answer in OpenAI's wire format, whole or as server-sent events.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    ask::{Api, Streaming},
    generate::{Call, Choice, Content, Finish, joined},
    script::{Produced, Prompt, Rendering, Script, Step, Usage, UsageMode, plain},
};

/// The script of a successful answer.
pub(crate) fn render(rendering: &Rendering<'_>) -> Script {
    let mut script = match rendering.ask.stream {
        Streaming::Whole => whole(rendering),
        Streaming::Events | Streaming::EventsWithUsage => events(rendering),
    };
    script.prompt = Prompt::of(rendering.ask);
    script
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
    service_tier: &'static str,
    system_fingerprint: Option<&'static str>,
}

fn envelope<'a>(rendering: &Rendering<'a>, object: &'static str) -> Envelope<'a> {
    Envelope {
        id: format!("chatcmpl-sim{:012}", rendering.number),
        object,
        created: rendering.created,
        model: &rendering.ask.model,
        choices: Vec::new(),
        usage: None,
        service_tier: "default",
        system_fingerprint: None,
    }
}

fn whole(rendering: &Rendering<'_>) -> Script {
    let choices = rendering.answer.choices.iter().enumerate();
    let choices = choices
        .map(|(index, choice)| message(rendering, index, choice))
        .collect();
    let produced = rendering.answer.produced();
    let usage =
        (rendering.usage_mode != UsageMode::None).then(|| usage_json(rendering.usage(produced)));
    let body = Envelope {
        choices,
        usage,
        ..envelope(rendering, "chat.completion")
    };
    let mut script = Script::json(StatusCode::OK, bytes_of(&body));
    if let Some(Step::Send(frame)) = script.steps.first_mut() {
        frame.produced = produced;
    }
    script
}

fn message(rendering: &Rendering<'_>, index: usize, choice: &Choice) -> Value {
    let mut message =
        json!({"role": "assistant", "content": null, "refusal": null, "annotations": []});
    match &choice.content {
        Content::Text(pieces) => message["content"] = joined(pieces).into(),
        Content::Calls(calls) => {
            let calls = calls.iter().enumerate();
            message["tool_calls"] = calls
                .map(|(position, call)| {
                    json!({
                        "id": call_id(rendering, index, position),
                        "type": "function",
                        "function": {"name": call.name, "arguments": joined(&call.arguments)},
                    })
                })
                .collect();
        }
    }
    let mut json = json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish_reason(&choice.finish)});
    if rendering.ask.api == Api::Azure {
        json["content_filter_results"] = json!({});
    }
    json
}

fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
    }
}

fn call_id(rendering: &Rendering<'_>, choice: usize, position: usize) -> String {
    format!("call_sim{:012}_{choice}_{position}", rendering.number)
}

fn usage_json(usage: Usage) -> Value {
    let Usage { prompt, produced } = usage;
    json!({
        "prompt_tokens": prompt.input,
        "completion_tokens": produced.output,
        "total_tokens": prompt.input + produced.output,
        "prompt_tokens_details": {"cached_tokens": prompt.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": produced.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
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
        if rendering.ask.api == Api::Azure {
            let mut first = envelope(rendering, "");
            first.model = "";
            let mut json = serde_json::to_value(&first).unwrap_or_default();
            json["prompt_filter_results"] =
                json!([{"prompt_index": 0, "content_filter_results": {}}]);
            self.steps.push(plain(sse(&json)));
        }
        let choices = &rendering.answer.choices;
        for index in 0..choices.len() {
            let role = json!({"role": "assistant", "content": "", "refusal": null});
            let event = self.event(index, &role, None);
            self.steps.push(plain(event));
        }
        let mut queues: Vec<_> = choices
            .iter()
            .enumerate()
            .map(|(index, choice)| deltas(rendering, index, choice).into_iter())
            .collect();
        // Choices take turns, as they do at the provider.
        loop {
            let mut idle = true;
            for (index, queue) in queues.iter_mut().enumerate() {
                if let Some((delta, produced)) = queue.next() {
                    idle = false;
                    self.content(index, &delta, produced);
                }
            }
            if idle {
                break;
            }
        }
        for (index, choice) in choices.iter().enumerate() {
            let event = self.event(index, &json!({}), Some(finish_reason(&choice.finish)));
            self.steps.push(plain(event));
        }
        self.usage();
        self.steps
            .push(plain(Bytes::from_static(b"data: [DONE]\n\n")));
    }

    fn content(&mut self, index: usize, delta: &Value, produced: Produced) {
        self.sent += produced;
        let event = self.event(index, delta, None);
        self.rendering
            .push_content(&mut self.steps, event, produced);
    }

    /// One chunk. With `include_usage`, every chunk but the last has `usage: null`.
    fn event(&self, index: usize, delta: &Value, finish: Option<&str>) -> Bytes {
        let rendering = self.rendering;
        let usage = match (rendering.ask.stream, rendering.usage_mode) {
            (Streaming::EventsWithUsage, UsageMode::Cumulative) => {
                Some(usage_json(rendering.usage(self.sent)))
            }
            (Streaming::EventsWithUsage, _) => Some(Value::Null),
            _ => None,
        };
        let choice =
            json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        sse(&Envelope {
            choices: vec![choice],
            usage,
            ..envelope(rendering, "chat.completion.chunk")
        })
    }

    fn usage(&mut self) {
        let rendering = self.rendering;
        if rendering.ask.stream != Streaming::EventsWithUsage
            || rendering.usage_mode == UsageMode::None
        {
            return;
        }
        if let UsageMode::Late(pause) = rendering.usage_mode {
            self.steps.push(Step::Pause(pause));
        }
        let usage = Some(usage_json(rendering.usage(self.sent)));
        let event = sse(&Envelope {
            usage,
            ..envelope(rendering, "chat.completion.chunk")
        });
        if rendering.usage_mode == UsageMode::Twice {
            self.steps.push(plain(event.clone()));
        }
        self.steps.push(plain(event));
    }
}

/// The deltas of one choice. Reasoning is hidden: its tokens leave with the first delta.
fn deltas(rendering: &Rendering<'_>, index: usize, choice: &Choice) -> Vec<(Value, Produced)> {
    let reasoning: u64 = choice.reasoning.iter().map(|piece| piece.tokens).sum();
    let produced = |tokens| Produced {
        output: tokens,
        reasoning: 0,
    };
    let mut deltas = Vec::new();
    match &choice.content {
        Content::Text(pieces) => {
            deltas.extend(
                pieces
                    .iter()
                    .map(|piece| (json!({"content": piece.text}), produced(piece.tokens))),
            );
        }
        Content::Calls(calls) => {
            for (position, call) in calls.iter().enumerate() {
                let Call {
                    name,
                    name_tokens,
                    arguments,
                } = call;
                let head = json!({"tool_calls": [{
                    "index": position,
                    "id": call_id(rendering, index, position),
                    "type": "function",
                    "function": {"name": name, "arguments": ""},
                }]});
                deltas.push((head, produced(*name_tokens)));
                deltas.extend(arguments.iter().map(|piece| {
                    let part = json!({"index": position, "function": {"arguments": piece.text}});
                    (json!({"tool_calls": [part]}), produced(piece.tokens))
                }));
            }
        }
    }
    if reasoning > 0 {
        if deltas.is_empty() {
            deltas.push((json!({"content": ""}), Produced::default()));
        }
        deltas[0].1 += Produced {
            output: reasoning,
            reasoning,
        };
    }
    deltas
}

fn sse(event: &impl Serialize) -> Bytes {
    let mut bytes = b"data: ".to_vec();
    bytes.extend_from_slice(&bytes_of(event));
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

fn bytes_of(json: &impl Serialize) -> Bytes {
    // Strings, numbers and maps with string keys: serialising them cannot fail.
    serde_json::to_vec(json).unwrap_or_default().into()
}
