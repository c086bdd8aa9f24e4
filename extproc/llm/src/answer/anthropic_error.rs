//! Anthropic's errors in OpenAI's form (Anthropic API reference, "Errors"; OpenAI API reference,
//! "Error codes").

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BodyChange, openai_error};
use crate::{ErrorBody, json::Text};

#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) error: AnthropicError<'a>,
}

/// `{"type": "overloaded_error", "message": "Overloaded"}`.
#[derive(Debug, Deserialize)]
pub(super) struct AnthropicError<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// What becomes of the body of an answer with this status. The proxy's own answers (nobody could
/// be reached) have OpenAI's form already.
pub(super) fn change(status: u16, body: &[u8]) -> BodyChange {
    if is_openai_form(body) {
        BodyChange::Keep
    } else {
        BodyChange::Replace(translate(status, body).to_json())
    }
}

/// `param` and `code` are in every error of OpenAI's form and in none of Anthropic's.
fn is_openai_form(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        #[expect(dead_code, reason = "only its shape matters")]
        error: Error<'a>,
    }
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Error<'a> {
        #[serde(borrow)]
        message: Text<'a>,
        #[serde(borrow)]
        param: &'a RawValue,
        #[serde(borrow)]
        code: &'a RawValue,
    }
    serde_json::from_slice::<Envelope<'_>>(body).is_ok()
}

/// The body of an answer with this status.
fn translate(status: u16, body: &[u8]) -> ErrorBody {
    match serde_json::from_slice::<Envelope<'_>>(body) {
        Ok(envelope) => envelope.error.to_openai(Some(status)),
        Err(_) => openai_error::wrap(status, body),
    }
}

// === impl AnthropicError ===

impl AnthropicError<'_> {
    /// `status`: `None` within a stream, whose status was 200.
    pub(super) fn to_openai(&self, status: Option<u16>) -> ErrorBody {
        let kind = self
            .r#type
            .as_ref()
            .map(|kind| kind.0.as_ref())
            .unwrap_or_default();
        let (r#type, code) = match kind {
            "invalid_request_error" => ("invalid_request_error", None),
            "authentication_error" => ("invalid_request_error", Some("invalid_api_key")),
            "permission_error" => ("invalid_request_error", Some("permission_denied")),
            "not_found_error" => ("invalid_request_error", Some("model_not_found")),
            "request_too_large" => ("invalid_request_error", Some("request_too_large")),
            "billing_error" => ("insufficient_quota", Some("insufficient_quota")),
            "rate_limit_error" => ("rate_limit_error", Some("rate_limit_exceeded")),
            "overloaded_error" => ("server_error", Some("overloaded")),
            "timeout_error" => ("server_error", Some("timeout")),
            "api_error" => ("server_error", None),
            _ => (
                status.map_or("server_error", openai_error::error_type),
                None,
            ),
        };
        let message = self.message.as_ref().map(|message| message.0.to_string());
        ErrorBody {
            message: message.unwrap_or_else(|| format!("the provider reported {kind:?}")),
            r#type: r#type.to_owned(),
            param: None,
            code: code.map(str::to_owned),
        }
    }
}
