//! The Anthropic messages API: request rules, answers, headers.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::{ask::Ask, refusal::Refusal, script::Script};

mod blocks;
mod parse;
mod render;
mod rules;

pub(crate) use self::{parse::parse, render::render, rules::Purpose};

/// The provider key of a request.
///
/// # Errors
/// 401 when `x-api-key` is missing or empty.
pub(crate) fn key(headers: &HeaderMap) -> Result<String, Refusal> {
    let key = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok());
    key.filter(|key| !key.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            Refusal::with_status(StatusCode::UNAUTHORIZED, "x-api-key header is required")
        })
}

/// Checks the headers that every request needs.
///
/// # Errors
/// 400 without `anthropic-version`.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let version = headers
        .get("anthropic-version")
        .and_then(|value| value.to_str().ok());
    match version {
        Some("2023-06-01" | "2023-01-01") => Ok(()),
        Some(other) => Err(Refusal::invalid(format!(
            "anthropic-version: {other:?} is not a valid version"
        ))),
        None => Err(Refusal::invalid("anthropic-version: header is required")),
    }
}

/// `GET /v1/models`.
pub(crate) fn models(names: &[String]) -> Script {
    let data: Vec<Value> = names
        .iter()
        .map(|name| json!({"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"}))
        .collect();
    let body = json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()});
    Script::json(StatusCode::OK, Bytes::from(body.to_string()))
}

/// `POST /v1/messages/count_tokens`.
pub(crate) fn counted(ask: &Ask) -> Script {
    let body = json!({"input_tokens": ask.prompt_tokens});
    Script::json(StatusCode::OK, Bytes::from(body.to_string()))
}

/// Headers of an answer besides its content type: what Anthropic sends with each.
pub(crate) fn headers(request_id: String) -> Vec<(&'static str, String)> {
    vec![
        ("request-id", request_id),
        (
            "anthropic-organization-id",
            "00000000-0000-4000-8000-000000000000".to_owned(),
        ),
        ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
        ("anthropic-ratelimit-requests-remaining", "3999".to_owned()),
        ("anthropic-ratelimit-tokens-limit", "4000000".to_owned()),
        ("anthropic-ratelimit-tokens-remaining", "3999000".to_owned()),
    ]
}
