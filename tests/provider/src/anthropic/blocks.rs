//! What Anthropic refuses inside `system` and `messages`: roles, content blocks, tool results that
//! answer no tool use. Used by `rules`.

use serde_json::Value;

use crate::refusal::Refusal;

/// Checks `system`: a string, or text blocks.
pub(super) fn check_system(system: &Value) -> Result<(), Refusal> {
    match system {
        Value::Null | Value::String(_) => Ok(()),
        Value::Array(blocks)
            if blocks
                .iter()
                .all(|block| block["type"] == "text" && has_text(block)) =>
        {
            Ok(())
        }
        _ => Err(Refusal::invalid(
            "system: must be a string or an array of non-empty text blocks",
        )),
    }
}

/// Checks `messages`. Messages of one role may follow each other, as at the real API.
pub(super) fn check_messages(messages: &Value) -> Result<(), Refusal> {
    let Some(messages) = messages.as_array().filter(|messages| !messages.is_empty()) else {
        return Err(Refusal::invalid(
            "messages: at least one message is required",
        ));
    };
    // Tool uses of the preceding assistant turn without a result yet.
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages.{index}");
        check_shape(&at, message, index + 1 == messages.len())?;
        let blocks = message["content"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let of_type = |kind: &'static str| blocks.iter().filter(move |block| block["type"] == kind);
        for result in of_type("tool_result") {
            let id = result["tool_use_id"].as_str().unwrap_or_default();
            let Some(position) = open.iter().position(|open| *open == id) else {
                return Err(Refusal::invalid(format!(
                    "{at}.content: tool_result {id:?} answers no tool_use of the previous message"
                )));
            };
            open.remove(position);
        }
        if let Some(id) = open.first() {
            return Err(Refusal::invalid(format!(
                "{at}: tool_use {id:?} must be answered by a tool_result in the next message"
            )));
        }
        open.extend(of_type("tool_use").filter_map(|block| block["id"].as_str()));
    }
    match open.first() {
        Some(id) => Err(Refusal::invalid(format!(
            "messages: tool_use {id:?} has no tool_result"
        ))),
        None => Ok(()),
    }
}

fn check_shape(at: &str, message: &Value, is_last: bool) -> Result<(), Refusal> {
    let role = message["role"].as_str().unwrap_or_default();
    if !matches!(role, "user" | "assistant") {
        return Err(Refusal::invalid(format!(
            "{at}.role: {role:?} must be user or assistant; a system prompt goes to the top-level system field"
        )));
    }
    if let Some(extra) = message
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .find(|name| *name != "role" && *name != "content")
    {
        return Err(Refusal::invalid(format!(
            "{at}.{extra}: Extra inputs are not permitted"
        )));
    }
    match &message["content"] {
        Value::String(text) if text.is_empty() && !(role == "assistant" && is_last) => {
            Err(Refusal::invalid(format!("{at}.content: must not be empty")))
        }
        Value::String(text)
            if role == "assistant" && is_last && text.ends_with(char::is_whitespace) =>
        {
            Err(Refusal::invalid(format!(
                "{at}.content: final assistant content must not end with whitespace"
            )))
        }
        Value::String(_) => Ok(()),
        Value::Array(blocks) if !blocks.is_empty() => {
            let mut blocks = blocks.iter().enumerate();
            blocks.try_for_each(|(index, block)| {
                check_block(&format!("{at}.content.{index}"), role, block)
            })
        }
        _ => Err(Refusal::invalid(format!(
            "{at}.content: must be a string or a non-empty array of blocks"
        ))),
    }
}

fn check_block(at: &str, role: &str, block: &Value) -> Result<(), Refusal> {
    let kind = block["type"].as_str().unwrap_or_default();
    let (well_formed, roles): (bool, &[&str]) = match kind {
        "text" => (has_text(block), &["user", "assistant"]),
        "image" | "document" => (block["source"]["type"].is_string(), &["user"]),
        "tool_result" => (block["tool_use_id"].is_string(), &["user"]),
        "tool_use" => (
            block["id"].is_string() && block["name"].is_string() && block["input"].is_object(),
            &["assistant"],
        ),
        "thinking" => (
            block["thinking"].is_string() && has_signature(block),
            &["assistant"],
        ),
        "redacted_thinking" => (block["data"].is_string(), &["assistant"]),
        "search_result" => (block["source"].is_string(), &["user"]),
        "server_tool_use" | "web_search_tool_result" | "container_upload" => {
            (true, &["user", "assistant"])
        }
        _ => {
            return Err(Refusal::invalid(format!(
                "{at}.type: {} is not a known content block",
                block["type"]
            )));
        }
    };
    if !roles.contains(&role) {
        return Err(Refusal::invalid(format!(
            "{at}: {kind} blocks are not allowed in {role} messages"
        )));
    }
    if !well_formed {
        return Err(Refusal::invalid(format!(
            "{at}: malformed {kind} block (empty text or a missing field)"
        )));
    }
    Ok(())
}

fn has_text(block: &Value) -> bool {
    block["text"].as_str().is_some_and(|text| !text.is_empty())
}

/// Only signatures that this simulator gave out are valid.
fn has_signature(block: &Value) -> bool {
    block["signature"]
        .as_str()
        .is_some_and(|signature| signature.starts_with(super::render::SIGNATURE_PREFIX))
}
