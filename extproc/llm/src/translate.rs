//! The matrix: client API × provider API.

mod openai_anthropic;
mod openai_openai;
mod path;
mod splice;

use bytes::Bytes;
use tollgate_bundle::Api;

use crate::{ChatRequest, InvalidRequest};

/// For whom a request is made ready.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// API that the provider speaks.
    pub api: &'a Api,
    /// Model to ask for; `None` keeps the client's.
    pub model: Option<&'a str>,
    /// Output tokens to allow *in all* (over `n` choices) when the gateway lowers the client's
    /// limit; `None` leaves it. For providers that must be told a limit, the default of the rule
    /// is passed here when the client names none.
    pub output_tokens_max: Option<u64>,
}

/// A request as the provider wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRequest {
    /// Path and query.
    pub path: String,
    /// Headers that the API needs, lower case (`anthropic-version`); no credentials.
    pub headers: Vec<(&'static str, String)>,
    /// New body; `None` forwards the client's byte for byte.
    pub body: Option<Bytes>,
}

/// Makes a chat request ready for a provider.
///
/// # Errors
///
/// The request has something that the provider's API cannot express and that must not be
/// dropped silently.
pub fn chat_request(
    target: Target<'_>,
    request: &ChatRequest,
    body: &Bytes,
) -> Result<ProviderRequest, InvalidRequest> {
    match target.api {
        Api::OpenAi { prefix } => openai_openai::chat_request(target, prefix, request, body),
        Api::AzureOpenAi { version } => {
            openai_openai::azure_chat_request(target, version, request, body)
        }
        Api::Anthropic { prefix } => openai_anthropic::chat_request(target, prefix, request, body),
    }
}
