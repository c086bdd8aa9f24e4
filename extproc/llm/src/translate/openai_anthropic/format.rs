//! `response_format`: a JSON schema goes to `output_config.format` where the model has it
//! (Anthropic docs, "Structured outputs").
//!
//! Elsewhere, and for `json_object`, an instruction is added to the system prompt. A forced tool
//! would be stricter, but it rules out the client's own tools and thinking, and the answer would
//! have to be turned back from a call.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    generation::Generation,
    messages::Conversation,
    wire::{Block, Format},
};
use crate::{InvalidRequest, json::Text};

#[derive(Deserialize)]
struct ResponseFormat<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Deserialize)]
struct JsonSchema<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

/// The format to ask for; may add an instruction to the system prompt.
pub(super) fn translate<'a>(
    given: Option<&'a RawValue>,
    generation: Generation,
    conversation: &mut Conversation<'a>,
) -> Result<Option<Format<'a>>, InvalidRequest> {
    let Some(given) = given else {
        return Ok(None);
    };
    let format: ResponseFormat<'a> = serde_json::from_str(given.get())
        .map_err(|error| InvalidRequest::field("response_format", error))?;
    match (format.r#type.0.as_ref(), format.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => {
            instruct(
                conversation,
                "Answer with one JSON object and nothing else.".to_owned(),
            );
            Ok(None)
        }
        (
            "json_schema",
            Some(JsonSchema {
                schema: Some(schema),
            }),
        ) => {
            if generation.has_structured_output() {
                return Ok(Some(Format::JsonSchema { schema }));
            }
            let instruction = format!(
                "Answer with one JSON value and nothing else (no code fence). It must be valid \
                 under this JSON Schema:\n{}",
                schema.get()
            );
            instruct(conversation, instruction);
            Ok(None)
        }
        ("json_schema", _) => Err(InvalidRequest::field(
            "response_format.json_schema.schema",
            "is required",
        )),
        (other, _) => Err(InvalidRequest::field(
            "response_format.type",
            format_args!(
                "must be text, json_object or json_schema; {:?} is not",
                crate::json::prefix(other, 64)
            ),
        )),
    }
}

fn instruct(conversation: &mut Conversation<'_>, instruction: String) {
    conversation
        .system
        .push(Block::text(Cow::Owned(instruction)));
}
