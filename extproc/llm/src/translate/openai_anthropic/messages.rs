//! The conversation: OpenAI's flat list of messages becomes `system` and turns of two sides.
//!
//! Messages wants the sides to alternate, tool results in the user's turn right after the calls,
//! and no empty text; neighbours of one side are merged, what is empty is left out.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    client::{FunctionCall, Message, ThinkingBlock},
    parts,
    wire::{Block, BlockKind, Role, Turn},
};
use crate::{InvalidRequest, json::prefix};

/// What is said, ready for the wire.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    /// Id of the last deprecated `function_call` by name, for the `function` message after it.
    function_calls: BTreeMap<String, String>,
}

// === impl Conversation ===

impl<'a> Conversation<'a> {
    /// Reads all messages in order.
    pub(super) fn read(messages: &'a [Message<'a>]) -> Result<Self, InvalidRequest> {
        let mut conversation = Self::default();
        for (index, message) in messages.iter().enumerate() {
            conversation.add(index, message)?;
        }
        conversation.trim_prefill();
        Ok(conversation)
    }

    fn add(&mut self, index: usize, message: &'a Message<'a>) -> Result<(), InvalidRequest> {
        let param = format!("messages[{index}]");
        match message.role.0.as_ref() {
            "system" | "developer" => {
                let blocks = parts::text_only(message, &param)?;
                self.system.extend(blocks);
            }
            "user" => self.push(Role::User, parts::any(message, &param)?),
            "assistant" => {
                let blocks = self.assistant(index, message, &param)?;
                self.push(Role::Assistant, blocks);
            }
            "tool" => {
                let Some(id) = &message.tool_call_id else {
                    return Err(InvalidRequest::field(
                        format!("{param}.tool_call_id"),
                        "is required in a message of role tool",
                    ));
                };
                let block = tool_result(tool_id(&id.0), message, &param)?;
                self.push(Role::User, vec![block]);
            }
            "function" => {
                let name = message
                    .name
                    .as_ref()
                    .map(|name| name.0.as_ref())
                    .unwrap_or_default();
                let Some(id) = self.function_calls.get(name) else {
                    return Err(InvalidRequest::field(
                        format!("{param}.name"),
                        format_args!("names {name:?}, which no assistant message called before"),
                    ));
                };
                let block = tool_result(Cow::Owned(id.clone()), message, &param)?;
                self.push(Role::User, vec![block]);
            }
            role => {
                return Err(InvalidRequest::field(
                    format!("{param}.role"),
                    format_args!(
                        "must be system, developer, user, assistant, tool or function; {:?} is not",
                        prefix(role, 64)
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Thinking first (Anthropic docs, "Extended thinking with tool use"), then text, then calls.
    /// `reasoning_content` alone is left out: thinking is only accepted with its signature.
    fn assistant(
        &mut self,
        index: usize,
        message: &'a Message<'a>,
        param: &str,
    ) -> Result<Vec<Block<'a>>, InvalidRequest> {
        let mut blocks: Vec<Block<'a>> = message
            .thinking_blocks
            .iter()
            .flatten()
            .filter_map(thinking)
            .collect();
        blocks.extend(parts::text_only(message, param)?);
        if let Some(refusal) = message.refusal.as_ref().filter(|text| !text.0.is_empty()) {
            blocks.push(Block::text(Cow::Borrowed(refusal.0.as_ref())));
        }
        for (call_index, call) in message.tool_calls.iter().flatten().enumerate() {
            let call_param = format!("{param}.tool_calls[{call_index}]");
            let Some(function) = &call.function else {
                return Err(InvalidRequest::field(
                    call_param,
                    "must be a call of a function",
                ));
            };
            let Some(id) = &call.id else {
                return Err(InvalidRequest::field(
                    format!("{call_param}.id"),
                    "is required",
                ));
            };
            blocks.push(tool_use(
                tool_id(&id.0),
                function,
                &format!("{call_param}.function"),
            )?);
        }
        if let Some(function) = &message.function_call {
            let id = format!("function_call_{index}");
            self.function_calls
                .insert(function.name.0.to_string(), id.clone());
            blocks.push(tool_use(
                Cow::Owned(id),
                function,
                &format!("{param}.function_call"),
            )?);
        }
        Ok(blocks)
    }

    fn push(&mut self, role: Role, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => self.turns.push(Turn {
                role,
                content: blocks,
            }),
        }
    }

    /// A text that the answer must continue may not end in white space ("Messages", prefill).
    fn trim_prefill(&mut self) {
        let Some(last) = self
            .turns
            .last_mut()
            .filter(|turn| turn.role == Role::Assistant)
        else {
            return;
        };
        if let Some(Block {
            kind: BlockKind::Text { text },
            ..
        }) = last.content.last_mut()
        {
            let trimmed = text.trim_end().len();
            if trimmed == 0 {
                last.content.pop();
            } else if trimmed < text.len() {
                text.to_mut().truncate(trimmed);
            }
        }
        if last.content.is_empty() {
            self.turns.pop();
        }
    }

    /// The last turn answers tool calls of an assistant turn that did not think: a thinking
    /// budget would be refused ("Extended thinking with tool use").
    pub(super) fn continues_without_thinking(&self) -> bool {
        let [.., calls, results] = self.turns.as_slice() else {
            return false;
        };
        let is_result = |block: &Block<'_>| matches!(block.kind, BlockKind::ToolResult { .. });
        let thinks = matches!(
            calls.content.first().map(|block| &block.kind),
            Some(BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. })
        );
        results.content.iter().any(is_result) && !thinks
    }
}

fn thinking<'a>(block: &'a ThinkingBlock<'a>) -> Option<Block<'a>> {
    let kind = match block {
        ThinkingBlock::Thinking {
            thinking,
            signature: Some(signature),
        } => BlockKind::Thinking {
            thinking: Cow::Borrowed(thinking.0.as_ref()),
            signature: Cow::Borrowed(signature.0.as_ref()),
        },
        ThinkingBlock::RedactedThinking { data } => BlockKind::RedactedThinking {
            data: Cow::Borrowed(data.0.as_ref()),
        },
        ThinkingBlock::Thinking {
            signature: None, ..
        }
        | ThinkingBlock::Other => return None,
    };
    Some(Block {
        kind,
        cache_control: None,
    })
}

fn tool_use<'a>(
    id: Cow<'a, str>,
    call: &'a FunctionCall<'a>,
    param: &str,
) -> Result<Block<'a>, InvalidRequest> {
    let arguments = call
        .arguments
        .as_ref()
        .map(|text| text.0.trim())
        .unwrap_or_default();
    // Models leave the arguments of a call without parameters empty.
    let arguments = if arguments.is_empty() {
        "{}"
    } else {
        arguments
    };
    let input = RawValue::from_string(arguments.to_owned()).map_err(|error| {
        InvalidRequest::field(
            format!("{param}.arguments"),
            format_args!("is not JSON: {error}"),
        )
    })?;
    if !input.get().starts_with('{') {
        return Err(InvalidRequest::field(
            format!("{param}.arguments"),
            "must be a JSON object, as a string",
        ));
    }
    let name = Cow::Borrowed(call.name.0.as_ref());
    Ok(Block {
        kind: BlockKind::ToolUse { id, name, input },
        cache_control: None,
    })
}

fn tool_result<'a>(
    tool_use_id: Cow<'a, str>,
    message: &'a Message<'a>,
    param: &str,
) -> Result<Block<'a>, InvalidRequest> {
    let mut content = parts::any(message, param)?;
    // The mark belongs on the result, whichever part it was written on.
    let cache_control = content
        .iter_mut()
        .rev()
        .find_map(|block| block.cache_control.take());
    Ok(Block {
        kind: BlockKind::ToolResult {
            tool_use_id,
            content,
        },
        cache_control: message.cache_control.or(cache_control),
    })
}

/// An id in the characters that Messages accepts (`[a-zA-Z0-9_-]`); other providers' ids, met
/// when a conversation moves, may have more (`functions.search:0`).
fn tool_id(id: &str) -> Cow<'_, str> {
    let is_accepted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(is_accepted) {
        return Cow::Borrowed(id);
    }
    let replaced: String = id
        .chars()
        .map(|c| if is_accepted(c) { c } else { '_' })
        .collect();
    Cow::Owned(if replaced.is_empty() {
        "_".to_owned()
    } else {
        replaced
    })
}
