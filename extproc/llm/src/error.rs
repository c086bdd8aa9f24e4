//! Errors as clients of each API expect them.

use bytes::Bytes;
use serde::Serialize;

/// A request that cannot be served as it is: the client's fault, answered 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// What is wrong, naming the field and the rule.
    pub message: String,
    /// Field that is wrong: `messages[0].content`.
    pub param: Option<String>,
}

/// An error in OpenAI's form: `{"error": {"message", "type", "param", "code"}}`
/// (OpenAI API reference, "Error codes").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// In words.
    pub message: String,
    /// `invalid_request_error`, `tokens`, `server_error`, …
    pub r#type: String,
    /// Field of the request that is wrong.
    pub param: Option<String>,
    /// `invalid_api_key`, `model_not_found`, `rate_limit_exceeded`, …
    pub code: Option<String>,
}

/// What goes over the wire.
#[derive(Debug, Serialize)]
pub(crate) struct Envelope<'a> {
    pub(crate) error: &'a ErrorBody,
}

// === impl InvalidRequest ===

impl InvalidRequest {
    /// A field breaks a rule: the message is `{param}: {rule}`.
    pub(crate) fn field(param: impl Into<String>, rule: impl std::fmt::Display) -> Self {
        let param = param.into();
        Self {
            message: format!("{param}: {rule}"),
            param: Some(param),
        }
    }

    /// The body as a whole breaks a rule.
    pub(crate) fn body(rule: impl std::fmt::Display) -> Self {
        Self {
            message: format!("the body {rule}"),
            param: None,
        }
    }
}

// === impl ErrorBody ===

impl ErrorBody {
    /// The JSON body.
    pub fn to_json(&self) -> Bytes {
        serde_json::to_vec(&Envelope { error: self })
            .map(Bytes::from)
            .unwrap_or_default()
    }
}
