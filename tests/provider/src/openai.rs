//! The OpenAI chat completions API, also as Azure serves it: request rules, answers, headers.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::{ask::Api, refusal::Refusal, script::Script};

mod parse;
mod render;
mod rules;

pub use self::rules::UnknownArguments;
pub(crate) use self::{parse::parse, render::render};

/// The provider key of a request.
///
/// # Errors
/// 401 when the header of the API is missing or empty.
pub(crate) fn key(api: Api, headers: &HeaderMap) -> Result<String, Refusal> {
    let (header, prefix) = match api {
        Api::Azure => ("api-key", ""),
        Api::OpenAi | Api::Anthropic => ("authorization", "Bearer "),
    };
    headers
        .get(header)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix(prefix))
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = format!("no API key in the `{header}` header");
            Refusal::with_status(StatusCode::UNAUTHORIZED, message)
        })
}

/// The deployment of `/openai/deployments/{model}/chat/completions`.
pub(crate) fn deployment(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/openai/deployments/")?;
    rest.split('/').next()
}

/// `GET /v1/models`.
pub(crate) fn models(names: &[String]) -> Script {
    let data: Vec<Value> = names
        .iter()
        .map(|name| json!({"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "simulator"}))
        .collect();
    let body = json!({"object": "list", "data": data});
    Script::json(StatusCode::OK, Bytes::from(body.to_string()))
}

/// Headers of an answer besides its content type: what OpenAI sends with each.
pub(crate) fn headers(request_id: String) -> Vec<(&'static str, String)> {
    vec![
        ("x-request-id", request_id),
        ("openai-organization", "org-simulator".to_owned()),
        ("openai-processing-ms", "1".to_owned()),
        ("openai-version", "2020-10-01".to_owned()),
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-limit-tokens", "30000000".to_owned()),
        ("x-ratelimit-remaining-requests", "9999".to_owned()),
        ("x-ratelimit-remaining-tokens", "29999000".to_owned()),
        ("x-ratelimit-reset-requests", "6ms".to_owned()),
        ("x-ratelimit-reset-tokens", "2ms".to_owned()),
    ]
}
