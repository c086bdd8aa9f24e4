//! A chat completion request as an `Ask`, with the true count of its prompt (OpenAI cookbook).

use serde_json::Value;

use super::rules::{self, UnknownArguments};
use crate::{
    ask::{Api, Ask, Streaming, Tool, ToolChoice, Turn},
    directive::{self, Directives},
    refusal::Refusal,
    tokens::{
        TOKENS_PER_DOCUMENT, TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, TOKENS_PER_NAME, TOKENS_PRIMING,
        TokenCounter, Vocabulary,
    },
};

/// Parses a request body. `deployment` is Azure's model, from the path.
///
/// # Errors
/// 400 where the real API refuses, and for a directive that cannot be read.
pub(crate) fn parse(
    body: &Value,
    deployment: Option<&str>,
    counter: &TokenCounter,
    unknown: UnknownArguments,
) -> Result<Ask, Refusal> {
    rules::check(body, unknown)?;
    let model = deployment
        .or_else(|| body["model"].as_str())
        .filter(|model| !model.is_empty())
        .ok_or_else(|| Refusal::field("model", "you must provide a model parameter"))?;
    let vocabulary = Vocabulary::of_model(model);
    let (last, mut directives) = last_turn(body)?;
    directive::parse_model_suffix(model, &mut directives).map_err(Refusal::invalid)?;
    let limit = body["max_completion_tokens"]
        .as_u64()
        .or_else(|| body["max_tokens"].as_u64());
    let effort = reasoning_tokens(body["reasoning_effort"].as_str());
    Ok(Ask {
        api: if deployment.is_some() {
            Api::Azure
        } else {
            Api::OpenAi
        },
        model: model.to_owned(),
        vocabulary,
        prompt_tokens: prompt_tokens(body, &|text| counter.count(vocabulary, text)),
        stream: streaming(body),
        choices: body["n"]
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(1),
        output_tokens_max: limit,
        stop: strings(&body["stop"]),
        last,
        tools: tools(body),
        tool_choice: tool_choice(&body["tool_choice"]),
        schema: schema(&body["response_format"]),
        reasoning_tokens: directives.reasoning.unwrap_or(effort),
        directives,
    })
}

fn streaming(body: &Value) -> Streaming {
    match (
        body["stream"].as_bool(),
        body["stream_options"]["include_usage"].as_bool(),
    ) {
        (Some(true), Some(true)) => Streaming::EventsWithUsage,
        (Some(true), _) => Streaming::Events,
        _ => Streaming::Whole,
    }
}

/// The last message, and the directives of the last user message (an agent's later turns keep them).
fn last_turn(body: &Value) -> Result<(Turn, Directives), Refusal> {
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let last_user = messages.iter().rfind(|message| message["role"] == "user");
    let text = last_user
        .map(|message| text_of(&message["content"]))
        .unwrap_or_default();
    let (directives, plain) = directive::parse_text(&text).map_err(Refusal::invalid)?;
    let turn = match messages.last() {
        Some(last) if last["role"] == "tool" => Turn::ToolResult(text_of(&last["content"])),
        _ => Turn::User(plain),
    };
    Ok((turn, directives))
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn tools(body: &Value) -> Vec<Tool> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools
        .filter_map(|tool| {
            let function = &tool["function"];
            let name = function["name"].as_str()?.to_owned();
            Some(Tool {
                name,
                schema: function["parameters"].clone(),
            })
        })
        .collect()
}

fn tool_choice(choice: &Value) -> ToolChoice {
    match choice.as_str() {
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Any,
        Some(_) => ToolChoice::Auto,
        None => match choice["function"]["name"].as_str() {
            Some(name) => ToolChoice::Named(name.to_owned()),
            None => ToolChoice::Auto,
        },
    }
}

fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str() {
        Some("json_schema") => Some(format["json_schema"]["schema"].clone()),
        Some("json_object") => Some(Value::Bool(true)),
        _ => None,
    }
}

/// Reasoning tokens of an effort; none when the request sets none.
fn reasoning_tokens(effort: Option<&str>) -> u64 {
    match effort {
        Some("minimal") => 8,
        Some("low") => 16,
        Some("medium") => 32,
        Some("high") => 64,
        Some("xhigh" | "max") => 128,
        _ => 0,
    }
}

fn prompt_tokens(body: &Value, count: &dyn Fn(&str) -> u64) -> u64 {
    let messages = body["messages"].as_array().into_iter().flatten();
    let messages: u64 = messages.map(|message| message_tokens(message, count)).sum();
    let tools = match &body["tools"] {
        Value::Array(tools) if !tools.is_empty() => count(&body["tools"].to_string()),
        _ => 0,
    };
    messages + tools + TOKENS_PRIMING
}

fn message_tokens(message: &Value, count: &dyn Fn(&str) -> u64) -> u64 {
    let mut tokens = TOKENS_PER_MESSAGE + count(message["role"].as_str().unwrap_or_default());
    if let Some(name) = message["name"].as_str() {
        tokens += TOKENS_PER_NAME + count(name);
    }
    match &message["content"] {
        Value::String(text) => tokens += count(text),
        Value::Array(parts) => {
            for part in parts {
                tokens += match part["type"].as_str() {
                    Some("image_url") => TOKENS_PER_IMAGE,
                    Some("input_audio" | "file") => TOKENS_PER_DOCUMENT,
                    _ => count(
                        part["text"]
                            .as_str()
                            .or_else(|| part["refusal"].as_str())
                            .unwrap_or_default(),
                    ),
                };
            }
        }
        _ => {}
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        tokens += count(function["name"].as_str().unwrap_or_default());
        tokens += count(function["arguments"].as_str().unwrap_or_default());
    }
    tokens
}
