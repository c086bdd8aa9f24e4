//! Which API and endpoint a request is for, and whether its key may use it.

use http::{HeaderMap, Method, StatusCode};

use crate::{anthropic, ask::Api, openai, refusal::Refusal, server::State};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    CountTokens,
    Models,
}

/// The API and endpoint of a path; any prefix is allowed.
pub(super) fn route(method: &Method, path: &str, headers: &HeaderMap) -> Option<(Api, Endpoint)> {
    let openai = if openai::deployment(path).is_some() {
        Api::Azure
    } else {
        Api::OpenAi
    };
    if method == Method::POST && path.ends_with("/chat/completions") {
        Some((openai, Endpoint::Chat))
    } else if method == Method::POST && path.ends_with("/messages") {
        Some((Api::Anthropic, Endpoint::Chat))
    } else if method == Method::POST && path.ends_with("/messages/count_tokens") {
        Some((Api::Anthropic, Endpoint::CountTokens))
    } else if method == Method::GET && path.ends_with("/models") {
        let api = if headers.contains_key("anthropic-version") {
            Api::Anthropic
        } else {
            openai
        };
        Some((api, Endpoint::Models))
    } else {
        None
    }
}

/// The provider key of a request.
///
/// # Errors
/// 401 without a key that is accepted, 400 without a header the API needs.
pub(super) fn authenticate(
    state: &State,
    api: Api,
    headers: &HeaderMap,
) -> Result<String, Refusal> {
    let key = match api {
        Api::Anthropic => anthropic::key(headers)?,
        Api::OpenAi | Api::Azure => openai::key(api, headers)?,
    };
    if !state.config.keys.is_empty() && !state.config.keys.contains(&key) {
        let refusal = Refusal::with_status(StatusCode::UNAUTHORIZED, "the API key is not valid");
        return Err(refusal.with_code("invalid_api_key"));
    }
    if api == Api::Anthropic {
        anthropic::check_headers(headers)?;
    }
    Ok(key)
}

pub(super) fn no_such_path(method: &Method, path: &str) -> Refusal {
    Refusal::with_status(
        StatusCode::NOT_FOUND,
        format!("Invalid URL ({method} {path})"),
    )
}
