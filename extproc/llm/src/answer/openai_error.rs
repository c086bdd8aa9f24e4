//! Errors of providers that speak OpenAI: those in OpenAI's form pass, others are put into it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BodyChange, openai::error_message};
use crate::{
    ErrorBody,
    json::{AnyText, prefix},
};

/// Bytes of a foreign error body that are shown to the client.
const SHOWN_BYTES_MAX: usize = 4 << 10;

/// What becomes of the body of an answer with this status.
pub(super) fn change(status: u16, body: &[u8]) -> BodyChange {
    if is_openai_form(body) {
        BodyChange::Keep
    } else {
        BodyChange::Replace(wrap(status, body).to_json())
    }
}

/// `{"error": {…}}`.
fn is_openai_form(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        error: &'a RawValue,
    }
    serde_json::from_slice::<Envelope<'_>>(body).is_ok_and(|body| body.error.get().starts_with('{'))
}

/// A body of any form in OpenAI's: its message where one can be told, else its text.
pub(super) fn wrap(status: u16, body: &[u8]) -> ErrorBody {
    #[derive(Deserialize)]
    struct Foreign<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<AnyText<'a>>,
        #[serde(borrow)]
        detail: Option<AnyText<'a>>,
    }
    let text = String::from_utf8_lossy(body);
    let told = serde_json::from_slice::<Foreign<'_>>(body)
        .ok()
        .and_then(|foreign| {
            let error = foreign.error.map(|error| error_message(error.get()));
            let other = foreign
                .message
                .or(foreign.detail)
                .map(|text| text.0.into_owned());
            error.or(other).filter(|message| !message.is_empty())
        });
    let message = match told {
        Some(message) => prefix(&message, SHOWN_BYTES_MAX).to_owned(),
        None if text.trim().is_empty() => format!("the provider answered {status} without a body"),
        None => prefix(text.trim(), SHOWN_BYTES_MAX).to_owned(),
    };
    ErrorBody {
        message,
        r#type: error_type(status).to_owned(),
        param: None,
        code: code(status),
    }
}

/// OpenAI's `type` for a status.
pub(super) fn error_type(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

fn code(status: u16) -> Option<String> {
    let code = match status {
        401 => "invalid_api_key",
        429 => "rate_limit_exceeded",
        _ => return None,
    };
    Some(code.to_owned())
}
