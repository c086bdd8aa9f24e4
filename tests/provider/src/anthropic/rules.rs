//! What Anthropic refuses: the checks on a messages request that catch a bad translation.

use serde_json::Value;

use super::blocks;
use crate::refusal::Refusal;

/// Top-level fields of a messages request (Anthropic API reference).
const FIELDS: [&str; 21] = [
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Least `thinking.budget_tokens`.
const THINKING_BUDGET_MIN: u64 = 1024;

/// Whether `max_tokens` is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Answer,
    CountTokens,
}

/// Checks a request body.
///
/// # Errors
/// 400 naming the first field that breaks a rule.
pub(super) fn check(body: &Value, purpose: Purpose) -> Result<(), Refusal> {
    let Some(fields) = body.as_object() else {
        return Err(Refusal::invalid("the request body must be a JSON object"));
    };
    if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(Refusal::invalid(format!(
            "{name}: Extra inputs are not permitted"
        )));
    }
    if body["model"].as_str().is_none_or(str::is_empty) {
        return Err(Refusal::invalid("model: Field required"));
    }
    match (&body["max_tokens"], purpose) {
        (Value::Null, Purpose::CountTokens) => {}
        (Value::Null, Purpose::Answer) => {
            return Err(Refusal::invalid("max_tokens: Field required"));
        }
        (value, _) if value.as_u64().is_none_or(|tokens| tokens == 0) => {
            return Err(Refusal::invalid(format!(
                "max_tokens: must be a whole number of at least 1, got {value}"
            )));
        }
        _ => {}
    }
    check_sampling(body)?;
    check_thinking(body)?;
    check_tools(body)?;
    blocks::check_system(&body["system"])?;
    blocks::check_messages(&body["messages"])
}

fn check_sampling(body: &Value) -> Result<(), Refusal> {
    for name in ["temperature", "top_p"] {
        let fits = body[name]
            .as_f64()
            .is_some_and(|value| (0.0..=1.0).contains(&value));
        if !body[name].is_null() && !fits {
            return Err(Refusal::invalid(format!(
                "{name}: must be from 0 to 1, got {}",
                body[name]
            )));
        }
    }
    if !body["stream"].is_null() && !body["stream"].is_boolean() {
        return Err(Refusal::invalid("stream: must be a boolean"));
    }
    match &body["stop_sequences"] {
        Value::Null => Ok(()),
        Value::Array(stops) => match stops
            .iter()
            .find(|stop| stop.as_str().is_none_or(|stop| stop.trim().is_empty()))
        {
            Some(stop) => Err(Refusal::invalid(format!(
                "stop_sequences: each must contain non-whitespace, got {stop}"
            ))),
            None => Ok(()),
        },
        other => Err(Refusal::invalid(format!(
            "stop_sequences: must be an array, got {other}"
        ))),
    }
}

fn check_thinking(body: &Value) -> Result<(), Refusal> {
    let thinking = &body["thinking"];
    match thinking["type"].as_str() {
        None if thinking.is_null() => Ok(()),
        Some("disabled" | "adaptive") => Ok(()),
        Some("enabled") => {
            let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
            if budget < THINKING_BUDGET_MIN {
                return Err(Refusal::invalid(format!(
                    "thinking.budget_tokens: must be at least {THINKING_BUDGET_MIN}, got {budget}"
                )));
            }
            if body["max_tokens"].as_u64().is_some_and(|max| max <= budget) {
                return Err(Refusal::invalid(format!(
                    "max_tokens: must be greater than thinking.budget_tokens ({budget})"
                )));
            }
            if body["temperature"]
                .as_f64()
                .is_some_and(|temperature| temperature < 1.0)
            {
                return Err(Refusal::invalid(
                    "temperature: must be 1 when thinking is enabled",
                ));
            }
            if matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")) {
                return Err(Refusal::invalid(
                    "tool_choice: cannot force tool use when thinking is enabled",
                ));
            }
            Ok(())
        }
        _ => Err(Refusal::invalid(format!(
            "thinking.type: {} is not one of enabled, disabled, adaptive",
            thinking["type"]
        ))),
    }
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    for (index, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        let name = tool["name"].as_str().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            return Err(Refusal::invalid(format!(
                "tools.{index}.name: {name:?} must match ^[a-zA-Z0-9_-]{{1,128}}$"
            )));
        }
        let custom = matches!(tool["type"].as_str(), None | Some("custom"));
        if custom && tool["input_schema"]["type"] != "object" {
            return Err(Refusal::invalid(format!(
                "tools.{index}.input_schema: must be a JSON Schema of type object"
            )));
        }
        if custom && !tool["function"].is_null() {
            return Err(Refusal::invalid(format!(
                "tools.{index}.function: Extra inputs are not permitted"
            )));
        }
    }
    let choice = &body["tool_choice"];
    match choice["type"].as_str() {
        None if choice.is_null() => Ok(()),
        Some("auto" | "any" | "none") => Ok(()),
        Some("tool") if choice["name"].is_string() => Ok(()),
        _ => Err(Refusal::invalid(format!(
            "tool_choice: {choice} must be an object of type auto, any, none, or tool with a name"
        ))),
    }?;
    if !choice.is_null()
        && choice["type"] != "none"
        && body["tools"].as_array().is_none_or(Vec::is_empty)
    {
        return Err(Refusal::invalid(
            "tool_choice: may only be given with tools",
        ));
    }
    Ok(())
}
