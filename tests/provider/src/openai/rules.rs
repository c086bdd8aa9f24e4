//! What OpenAI refuses: the checks on a chat completion request that catch a bad translation.

use serde_json::Value;

use crate::refusal::Refusal;

/// Top-level arguments of a chat completion request (OpenAI API reference).
const ARGUMENTS: [&str; 39] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
    // Azure's own.
    "data_sources",
    "enhancements",
    "user_security_context",
    "dataSources",
];

/// Whether unknown top-level arguments are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownArguments {
    /// They are ignored, so that a test can see them pass through.
    #[default]
    Ignore,
    /// 400, as the real API.
    Refuse,
}

/// Checks a request body.
///
/// # Errors
/// 400 naming the first field that breaks a rule.
pub(super) fn check(body: &Value, unknown: UnknownArguments) -> Result<(), Refusal> {
    let Some(arguments) = body.as_object() else {
        return Err(Refusal::invalid("the request body must be a JSON object"));
    };
    if unknown == UnknownArguments::Refuse
        && let Some(name) = arguments
            .keys()
            .find(|name| !ARGUMENTS.contains(&name.as_str()))
    {
        return Err(Refusal::invalid(format!(
            "Unrecognized request argument supplied: {name}"
        )));
    }
    check_limits(body)?;
    check_tools(body)?;
    check_messages(body)
}

fn check_limits(body: &Value) -> Result<(), Refusal> {
    let present = |name: &str| !body[name].is_null();
    if present("max_tokens") && present("max_completion_tokens") {
        return Err(Refusal::field(
            "max_tokens",
            "max_tokens and max_completion_tokens cannot be set together",
        ));
    }
    for (name, least, most) in [
        ("max_tokens", 1, u64::MAX),
        ("max_completion_tokens", 1, u64::MAX),
        ("n", 1, 128),
        ("top_logprobs", 0, 20),
    ] {
        let fits = body[name]
            .as_u64()
            .is_some_and(|value| (least..=most).contains(&value));
        if present(name) && !fits {
            return Err(Refusal::field(
                name,
                format!(
                    "{name} must be a whole number from {least}, got {}",
                    body[name]
                ),
            ));
        }
    }
    for (name, least, most) in [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ] {
        let fits = body[name]
            .as_f64()
            .is_some_and(|value| (least..=most).contains(&value));
        if present(name) && !fits {
            return Err(Refusal::field(
                name,
                format!("{name} must be from {least} to {most}, got {}", body[name]),
            ));
        }
    }
    if present("stream") && !body["stream"].is_boolean() {
        return Err(Refusal::field("stream", "stream must be a boolean"));
    }
    if present("stream_options") && body["stream"] != Value::Bool(true) {
        return Err(Refusal::field(
            "stream_options",
            "stream_options is allowed only with stream: true",
        ));
    }
    if body["stop"].as_array().is_some_and(|stop| stop.len() > 4) {
        return Err(Refusal::field("stop", "stop takes at most 4 sequences"));
    }
    Ok(())
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    let tools = body["tools"].as_array();
    if tools.is_some_and(Vec::is_empty) {
        return Err(Refusal::field("tools", "tools must not be an empty array"));
    }
    for (index, tool) in tools.into_iter().flatten().enumerate() {
        let is_function = tool["type"] == "function";
        if tool["type"].as_str().is_none()
            || (is_function && tool["function"]["name"].as_str().is_none_or(str::is_empty))
        {
            return Err(Refusal::field(
                &format!("tools[{index}]"),
                "a tool needs a type, and a function its name",
            ));
        }
    }
    for name in ["tool_choice", "parallel_tool_calls"] {
        if !body[name].is_null() && tools.is_none() {
            return Err(Refusal::field(
                name,
                format!("{name} is allowed only with tools"),
            ));
        }
    }
    Ok(())
}

fn check_messages(body: &Value) -> Result<(), Refusal> {
    let Some(messages) = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty())
    else {
        return Err(Refusal::field(
            "messages",
            "messages must be an array with at least one message",
        ));
    };
    // Calls of the last assistant message that no tool message has answered yet.
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}]");
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(position) = open.iter().position(|open| *open == id) else {
                let rule = format!(
                    "tool_call_id {id:?} answers no call of the preceding assistant message"
                );
                return Err(Refusal::field(&at, rule));
            };
            open.remove(position);
        } else if let Some(id) = open.first() {
            return Err(Refusal::field(
                &at,
                format!("tool call {id:?} must be answered by a tool message first"),
            ));
        }
        check_role(&at, message)?;
        open.extend(checked_calls(&at, message)?);
    }
    match open.first() {
        Some(id) => Err(Refusal::field(
            "messages",
            format!("tool call {id:?} is not answered by a tool message"),
        )),
        None => Ok(()),
    }
}

/// Checks that the message has a known role and the content that role needs.
fn check_role(at: &str, message: &Value) -> Result<(), Refusal> {
    let is_silent = ["tool_calls", "function_call", "refusal"]
        .iter()
        .all(|field| message[*field].is_null());
    match message["role"].as_str().unwrap_or_default() {
        role @ ("system" | "developer" | "user" | "tool") if !has_content(message) => {
            let rule = format!("a {role} message needs content as a string or an array of parts");
            Err(Refusal::field(at, rule))
        }
        "assistant" if !has_content(message) && is_silent => Err(Refusal::field(
            at,
            "an assistant message needs content or tool_calls",
        )),
        "system" | "developer" | "user" | "tool" | "assistant" | "function" => Ok(()),
        _ => Err(Refusal::field(
            at,
            format!("role {} is not supported", message["role"]),
        )),
    }
}

/// The ids of the message's tool calls, each checked.
fn checked_calls<'a>(at: &str, message: &'a Value) -> Result<Vec<&'a str>, Refusal> {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    calls
        .map(|call| {
            let (Some(id), Some(_)) = (call["id"].as_str(), call["function"]["name"].as_str())
            else {
                return Err(Refusal::field(
                    at,
                    "a tool call needs an id and a function name",
                ));
            };
            if !call["function"]["arguments"].is_string() {
                let rule = format!("arguments of tool call {id:?} must be a string of JSON");
                return Err(Refusal::field(at, rule));
            }
            Ok(id)
        })
        .collect()
}

fn has_content(message: &Value) -> bool {
    match &message["content"] {
        Value::String(_) => true,
        Value::Array(parts) => {
            !parts.is_empty() && parts.iter().all(|part| part["type"].is_string())
        }
        _ => false,
    }
}
