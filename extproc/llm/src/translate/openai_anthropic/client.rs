//! The client's chat request as far as Messages can express it; strings and schemas borrow.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    InvalidRequest,
    json::{Fields, Text},
};

/// OpenAI API reference, "Create chat completion", request body.
#[derive(Debug, Deserialize)]
pub(super) struct ChatBody<'a> {
    #[serde(borrow)]
    pub(super) messages: Vec<Message<'a>>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
    pub(super) logprobs: Option<bool>,
    pub(super) parallel_tool_calls: Option<bool>,
    #[serde(borrow)]
    pub(super) modalities: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(super) web_search_options: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) stop: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) user: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tools: Option<Vec<Tool<'a>>>,
    #[serde(borrow)]
    pub(super) tool_choice: Option<&'a RawValue>,
    /// Deprecated form of `tools`.
    #[serde(borrow)]
    pub(super) functions: Option<Vec<Function<'a>>>,
    /// Deprecated form of `tool_choice`.
    #[serde(borrow)]
    pub(super) function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) response_format: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_effort: Option<Text<'a>>,
    /// Anthropic's own, as some clients send it to OpenAI-compatible servers.
    #[serde(borrow)]
    pub(super) thinking: Option<&'a RawValue>,
}

/// One message of any role.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(super) tool_call_id: Option<Text<'a>>,
    /// Deprecated form of `tool_calls`.
    #[serde(borrow)]
    pub(super) function_call: Option<FunctionCall<'a>>,
    /// Thinking of an earlier answer, given back.
    #[serde(borrow)]
    pub(super) thinking_blocks: Option<Vec<ThinkingBlock<'a>>>,
    #[serde(borrow)]
    pub(super) cache_control: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<FunctionCall<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBlock<'a> {
    Thinking {
        #[serde(borrow)]
        thinking: Text<'a>,
        #[serde(borrow)]
        signature: Option<Text<'a>>,
    },
    RedactedThinking {
        #[serde(borrow)]
        data: Text<'a>,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow)]
    pub(super) r#type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
    #[serde(borrow)]
    pub(super) cache_control: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) description: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) parameters: Option<&'a RawValue>,
    pub(super) strict: Option<bool>,
    #[serde(borrow)]
    pub(super) cache_control: Option<&'a RawValue>,
}

/// One part of a message's content.
#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) image_url: Option<ImageUrl<'a>>,
    #[serde(borrow)]
    pub(super) file: Option<File<'a>>,
    #[serde(borrow)]
    pub(super) cache_control: Option<&'a RawValue>,
}

/// OpenAI's form is the object; many clients send the bare string.
#[derive(Debug)]
pub(super) struct ImageUrl<'a>(pub(super) Text<'a>);

#[derive(Debug, Deserialize)]
pub(super) struct File<'a> {
    #[serde(borrow)]
    pub(super) file_data: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) file_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) filename: Option<Text<'a>>,
}

// === impl ChatBody ===

impl<'a> ChatBody<'a> {
    /// Reads a body that is already known to be a chat request.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        serde_json::from_slice(body).map_err(|error| match blame(body) {
            Some((param, error)) => InvalidRequest::field(param, error),
            None => InvalidRequest::body(format_args!("cannot be translated: {error}")),
        })
    }
}

/// The field that does not have the form it must have, found by reading each on its own: serde
/// does not tell. Only for requests that are refused anyway.
fn blame(body: &[u8]) -> Option<(String, serde_json::Error)> {
    let Fields(fields) = serde_json::from_slice(body).ok()?;
    fields.iter().find_map(|(key, value)| {
        if key != "messages" {
            let key_json = serde_json::Value::from(key.as_ref());
            let alone = format!("{{\"messages\":[],{key_json}:{value}}}");
            let error = serde_json::from_str::<ChatBody<'_>>(&alone).err()?;
            return Some((key.to_string(), error));
        }
        let messages: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        messages.iter().enumerate().find_map(|(index, message)| {
            let error = serde_json::from_str::<Message<'_>>(message.get()).err()?;
            Some((format!("messages[{index}]"), error))
        })
    })
}

// === impl ImageUrl ===

impl<'de: 'a, 'a> Deserialize<'de> for ImageUrl<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow)]
            url: Text<'a>,
        }
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            serde_json::from_str(raw.get())
                .map(Self)
                .map_err(serde::de::Error::custom)
        } else {
            serde_json::from_str::<Object<'de>>(raw.get())
                .map(|object| Self(object.url))
                .map_err(serde::de::Error::custom)
        }
    }
}
