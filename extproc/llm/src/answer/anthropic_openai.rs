//! A whole answer of Anthropic as one chat completion.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    anthropic_error::Envelope,
    anthropic_wire::{Block, Message, finish_reason, text},
    chunk::{Completion, FunctionCall, Stamp, ThinkingBlock, ToolCall, WholeChoice, WholeMessage},
    seen::Seen,
};
use crate::ErrorBody;

/// The completion; an error in OpenAI's form when the body is no message.
pub(super) fn translate(body: &[u8], stamp: &Stamp, seen: &mut Seen) -> Bytes {
    seen.complete = true;
    let message = match serde_json::from_slice::<Message<'_>>(body) {
        Ok(message) => message,
        Err(error) => return not_a_message(body, &error, seen),
    };
    let usage = message.usage.to_usage();
    seen.report(usage);
    let finish_reason = message
        .stop_reason
        .as_ref()
        .map_or("stop", |reason| finish_reason(&reason.0));
    let id = message
        .id
        .as_ref()
        .map_or(stamp.id.as_str(), |id| id.0.as_ref());
    let model = message
        .model
        .as_ref()
        .map_or(stamp.model.as_str(), |model| model.0.as_ref());
    seen.name_model(model);
    let completion = Completion {
        id,
        object: "chat.completion",
        created: stamp.created,
        model,
        choices: vec![WholeChoice {
            index: 0,
            message: whole_message(&message.content, seen),
            logprobs: (),
            finish_reason,
        }],
        usage: Some(Some(usage.into())),
    };
    serde_json::to_vec(&completion)
        .map(Bytes::from)
        .unwrap_or_default()
}

fn whole_message<'a>(blocks: &'a [Block<'a>], seen: &mut Seen) -> WholeMessage<'a> {
    let mut message = WholeMessage {
        role: "assistant",
        content: None,
        refusal: (),
        reasoning_content: None,
        thinking_blocks: Vec::new(),
        tool_calls: Vec::new(),
    };
    for block in blocks {
        match block.r#type.0.as_ref() {
            "text" => {
                seen.generate(text(&block.text));
                append(&mut message.content, text(&block.text));
            }
            "thinking" => {
                let thinking = text(&block.thinking);
                seen.generate(thinking);
                append(&mut message.reasoning_content, thinking);
                if let Some(signature) = &block.signature {
                    message.thinking_blocks.push(ThinkingBlock::Thinking {
                        thinking: Cow::Borrowed(thinking),
                        signature: Cow::Borrowed(&signature.0),
                    });
                }
            }
            "redacted_thinking" => {
                let data = Cow::Borrowed(text(&block.data));
                message
                    .thinking_blocks
                    .push(ThinkingBlock::RedactedThinking { data });
            }
            "tool_use" => message.tool_calls.push(tool_call(block, seen)),
            // Blocks of server-side tools.
            _ => {}
        }
    }
    message
}

fn tool_call<'a>(block: &'a Block<'a>, seen: &mut Seen) -> ToolCall<'a> {
    let (name, arguments) = (text(&block.name), block.arguments());
    seen.generate(name);
    seen.generate(arguments);
    let arguments = if arguments.is_empty() {
        "{}"
    } else {
        arguments
    };
    ToolCall {
        index: None,
        id: Some(Cow::Borrowed(text(&block.id))),
        r#type: Some("function"),
        function: FunctionCall {
            name: Some(Cow::Borrowed(name)),
            arguments: Cow::Borrowed(arguments),
        },
    }
}

fn append<'a>(text: &mut Option<Cow<'a, str>>, more: &'a str) {
    match text {
        None => *text = Some(Cow::Borrowed(more)),
        Some(text) => text.to_mut().push_str(more),
    }
}

fn not_a_message(body: &[u8], error: &serde_json::Error, seen: &mut Seen) -> Bytes {
    let error_body = match serde_json::from_slice::<Envelope<'_>>(body) {
        Ok(envelope) => envelope.error.to_openai(None),
        Err(_) => ErrorBody {
            message: format!("the provider's answer is not a message: {error}"),
            r#type: "server_error".to_owned(),
            param: None,
            code: Some("provider_answer_invalid".to_owned()),
        },
    };
    seen.fail(&error_body.message);
    error_body.to_json()
}
