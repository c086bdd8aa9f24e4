//! Writes the chunks that an OpenAI client receives (OpenAI API reference, "The chat completion
//! chunk object"), one event each.

use std::borrow::Cow;

use crate::{
    ErrorBody,
    answer::{
        anthropic_wire::WireUsage,
        chunk::{
            ChunkChoice, Completion, Delta, FunctionCall, OpenAiUsage, Stamp, ToolCall, event,
        },
    },
    error::Envelope,
};

/// Writes chunks.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) stamp: Stamp,
    pub(super) include_usage: bool,
    pub(super) out: Vec<u8>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn call(&mut self, call: ToolCall<'_>) {
        self.delta(
            Delta {
                tool_calls: vec![call],
                ..Delta::default()
            },
            None,
        );
    }

    pub(super) fn arguments(&mut self, index: u64, json: &str) {
        self.call(ToolCall {
            index: Some(index),
            id: None,
            r#type: None,
            function: FunctionCall {
                name: None,
                arguments: Cow::Borrowed(json),
            },
        });
    }

    pub(super) fn delta(&mut self, delta: Delta<'_>, finish_reason: Option<&'static str>) {
        let choice = ChunkChoice {
            index: 0,
            delta,
            logprobs: (),
            finish_reason,
        };
        // Where the usage chunk is wanted, every other chunk says `"usage": null`.
        self.chunk(vec![choice], self.include_usage.then_some(None));
    }

    pub(super) fn finish(&mut self, usage: &WireUsage) {
        if self.include_usage {
            self.chunk(Vec::new(), Some(Some(usage.to_usage().into())));
        }
        self.out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn chunk(&mut self, choices: Vec<ChunkChoice<'_>>, usage: Option<Option<OpenAiUsage>>) {
        let Stamp { id, created, model } = &self.stamp;
        let object = "chat.completion.chunk";
        let chunk = Completion {
            id,
            object,
            created: *created,
            model,
            choices,
            usage,
        };
        event(&mut self.out, &chunk);
    }

    pub(super) fn error(&mut self, error: &ErrorBody) {
        event(&mut self.out, &Envelope { error });
    }
}
