//! A messages request as an `Ask`, with the simulator's own true count of its prompt.

use serde_json::Value;

use super::rules::{self, Purpose};
use crate::{
    ask::{Api, Ask, Streaming, Tool, ToolChoice, Turn},
    directive::{self, Directives},
    refusal::Refusal,
    tokens::{
        TOKENS_PER_DOCUMENT, TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, TOKENS_PRIMING, TokenCounter,
        Vocabulary,
    },
};

/// Thinking tokens of a request with thinking on, where no directive says otherwise.
const THINKING_TOKENS: u64 = 24;

/// Parses a request body.
///
/// # Errors
/// 400 where the real API refuses, and for a directive that cannot be read.
pub(crate) fn parse(
    body: &Value,
    counter: &TokenCounter,
    purpose: Purpose,
) -> Result<Ask, Refusal> {
    rules::check(body, purpose)?;
    let model = body["model"].as_str().unwrap_or_default();
    let vocabulary = Vocabulary::of_model(model);
    let (last, mut directives) = last_turn(body)?;
    directive::parse_model_suffix(model, &mut directives).map_err(Refusal::invalid)?;
    let thinks = matches!(
        body["thinking"]["type"].as_str(),
        Some("enabled" | "adaptive")
    );
    let thinking = if thinks {
        directives.reasoning.unwrap_or(THINKING_TOKENS)
    } else {
        0
    };
    let streamed = body["stream"].as_bool() == Some(true);
    Ok(Ask {
        api: Api::Anthropic,
        model: model.to_owned(),
        vocabulary,
        prompt_tokens: prompt_tokens(body, &|text| counter.count(vocabulary, text)),
        stream: if streamed {
            Streaming::EventsWithUsage
        } else {
            Streaming::Whole
        },
        choices: 1,
        output_tokens_max: body["max_tokens"].as_u64(),
        stop: stop_sequences(body),
        last,
        tools: tools(body),
        tool_choice: tool_choice(&body["tool_choice"]),
        schema: schema(body),
        reasoning_tokens: thinking,
        directives,
    })
}

/// The last message, and the directives of the last user text (an agent's later turns keep them).
fn last_turn(body: &Value) -> Result<(Turn, Directives), Refusal> {
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let users = messages.iter().filter(|message| message["role"] == "user");
    let text = users
        .map(|message| text_of(&message["content"]))
        .rfind(|text| !text.is_empty());
    let (directives, plain) =
        directive::parse_text(&text.unwrap_or_default()).map_err(Refusal::invalid)?;
    let last = messages.last().map(|message| &message["content"]);
    let mut results = last.and_then(Value::as_array).into_iter().flatten();
    let result = results.rfind(|block| block["type"] == "tool_result");
    let turn = match result {
        Some(result) => Turn::ToolResult(text_of(&result["content"])),
        None => Turn::User(plain),
    };
    Ok((turn, directives))
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| block["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn stop_sequences(body: &Value) -> Vec<String> {
    let stops = body["stop_sequences"].as_array().into_iter().flatten();
    stops.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn tools(body: &Value) -> Vec<Tool> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools
        .filter(|tool| tool["input_schema"].is_object())
        .filter_map(|tool| {
            let name = tool["name"].as_str()?.to_owned();
            Some(Tool {
                name,
                schema: tool["input_schema"].clone(),
            })
        })
        .collect()
}

fn tool_choice(choice: &Value) -> ToolChoice {
    match choice["type"].as_str() {
        Some("none") => ToolChoice::None,
        Some("any") => ToolChoice::Any,
        Some("tool") => ToolChoice::Named(choice["name"].as_str().unwrap_or_default().to_owned()),
        _ => ToolChoice::Auto,
    }
}

/// `output_config.format`, or `output_format` as the beta had it.
fn schema(body: &Value) -> Option<Value> {
    let formats = [&body["output_config"]["format"], &body["output_format"]];
    let format = formats
        .into_iter()
        .find(|format| format["type"] == "json_schema")?;
    Some(format["schema"].clone())
}

fn prompt_tokens(body: &Value, count: &dyn Fn(&str) -> u64) -> u64 {
    let mut tokens = TOKENS_PRIMING;
    let system = text_of(&body["system"]);
    if !system.is_empty() {
        tokens += TOKENS_PER_MESSAGE + count("system") + count(&system);
    }
    for message in body["messages"].as_array().into_iter().flatten() {
        tokens += TOKENS_PER_MESSAGE + count(message["role"].as_str().unwrap_or_default());
        tokens += content_tokens(&message["content"], count);
    }
    match &body["tools"] {
        Value::Array(tools) if !tools.is_empty() => tokens + count(&body["tools"].to_string()),
        _ => tokens,
    }
}

fn content_tokens(content: &Value, count: &dyn Fn(&str) -> u64) -> u64 {
    let text = |block: &Value, field: &str| count(block[field].as_str().unwrap_or_default());
    match content {
        Value::String(text) => count(text),
        Value::Array(blocks) => {
            let tokens = blocks.iter().map(|block| match block["type"].as_str() {
                Some("image") => TOKENS_PER_IMAGE,
                Some("document") => TOKENS_PER_DOCUMENT,
                Some("tool_use") => text(block, "name") + count(&block["input"].to_string()),
                Some("tool_result") => content_tokens(&block["content"], count),
                Some("thinking") => text(block, "thinking"),
                _ => text(block, "text"),
            });
            tokens.sum()
        }
        _ => 0,
    }
}
