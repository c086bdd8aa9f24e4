//! Errors as the providers word them: one value, rendered in the form of the API it answers.
//! Feeds every place that refuses a request, and the `status` fault.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::{ask::Api, script::Script};

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// OpenAI's `param`, where one field is to blame.
    pub(crate) param: Option<String>,
    /// OpenAI's `code`.
    pub(crate) code: Option<&'static str>,
}

// === impl Refusal ===

impl Refusal {
    /// 400 about the whole request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::BAD_REQUEST, message)
    }

    /// 400 about one field.
    pub(crate) fn field(param: &str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..Self::invalid(message)
        }
    }

    pub(crate) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
        }
    }

    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// What the provider sends for `status`.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let refusal = Self::with_status(
            status,
            format!("simulated failure with status {}", status.as_u16()),
        );
        match status.as_u16() {
            401 => refusal.with_code("invalid_api_key"),
            404 => refusal.with_code("model_not_found"),
            429 => refusal.with_code("rate_limit_exceeded"),
            _ => refusal,
        }
    }

    /// The error as an answer of `api`.
    pub(crate) fn into_script(self, api: Api, number: u64) -> Script {
        let body = match api {
            Api::OpenAi => self.openai_body(),
            // Azure's front door answers authentication and routing errors with its own shape.
            Api::Azure if matches!(self.status.as_u16(), 401 | 404 | 429) => json!({"error": {
                "code": self.status.as_str(),
                "message": self.message,
            }}),
            Api::Azure => self.openai_body(),
            Api::Anthropic => json!({
                "type": "error",
                "error": {"type": anthropic_type(self.status), "message": self.message},
                "request_id": request_id(number),
            }),
        };
        Script::json(self.status, Bytes::from(body.to_string()))
    }

    fn openai_body(&self) -> serde_json::Value {
        let kind = match self.status.as_u16() {
            429 => "tokens",
            500..=599 => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {
            "message": self.message,
            "type": kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

/// Anthropic's error type for a status.
pub(crate) fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

/// The id of a request, as in `x-request-id` and `request-id`.
pub(crate) fn request_id(number: u64) -> String {
    format!("req_sim{number:012}")
}
