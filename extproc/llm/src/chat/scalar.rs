//! Top-level values that are not messages, checked one by one so that each error names its field.

use serde_json::value::RawValue;

use crate::{
    InvalidRequest,
    json::{Fields, Text, prefix},
};

/// `n` that OpenAI accepts at most (API reference, "Create chat completion").
const CHOICES_MAX: u64 = 128;

/// No provider has longer model names; a bound keeps logs and metrics small.
const MODEL_BYTES_MAX: usize = 512;

/// Bytes of a wrong value that an error repeats.
const SHOWN_BYTES_MAX: usize = 64;

/// `model`: a string that is not empty.
pub(super) fn model(value: Option<&RawValue>) -> Result<String, InvalidRequest> {
    let Some(value) = value else {
        return Err(InvalidRequest::field("model", "is required"));
    };
    let Ok(Text(model)) = serde_json::from_str(value.get()) else {
        return Err(wrong("model", value, "must be a string"));
    };
    if model.is_empty() {
        return Err(InvalidRequest::field("model", "must not be empty"));
    }
    if model.len() > MODEL_BYTES_MAX {
        return Err(InvalidRequest::field(
            "model",
            format_args!(
                "must have at most {MODEL_BYTES_MAX} bytes, has {}",
                model.len()
            ),
        ));
    }
    Ok(model.into_owned())
}

/// A boolean; absent and `null` are false.
pub(super) fn flag(name: &str, value: Option<&RawValue>) -> Result<bool, InvalidRequest> {
    match value.map(RawValue::get) {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong_or(name, value, "must be a boolean")),
    }
}

/// A limit on output tokens: an integer of at least 1; absent and `null` are none.
pub(super) fn limit(name: &str, value: Option<&RawValue>) -> Result<Option<u64>, InvalidRequest> {
    match value.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(wrong_or(name, value, "must be an integer of at least 1")),
        },
    }
}

/// `n`: absent and `null` are 1.
pub(super) fn choices(value: Option<&RawValue>) -> Result<u64, InvalidRequest> {
    match limit("n", value)? {
        None => Ok(1),
        Some(n) if n <= CHOICES_MAX => Ok(n),
        Some(_) => {
            let rule = format!("must be an integer from 1 to {CHOICES_MAX}");
            Err(wrong_or("n", value, &rule))
        }
    }
}

/// `stream_options.include_usage`.
pub(super) fn include_usage(options: Option<&RawValue>) -> Result<bool, InvalidRequest> {
    let Some(options) = options.filter(|options| options.get() != "null") else {
        return Ok(false);
    };
    let Ok(Fields(fields)) = serde_json::from_str(options.get()) else {
        return Err(wrong("stream_options", options, "must be an object"));
    };
    let mut asked = fields.iter().filter(|(key, _)| key == "include_usage");
    let first = asked.next().map(|(_, value)| *value);
    if asked.next().is_some() {
        return Err(InvalidRequest::field(
            "stream_options.include_usage",
            "is given twice",
        ));
    }
    flag("stream_options.include_usage", first)
}

/// The field asks for something: it is neither absent nor `null`.
pub(super) fn is_given(value: Option<&RawValue>) -> bool {
    value.is_some_and(|value| value.get() != "null")
}

fn wrong_or(name: &str, value: Option<&RawValue>, rule: &str) -> InvalidRequest {
    match value {
        Some(value) => wrong(name, value, rule),
        None => InvalidRequest::field(name, rule),
    }
}

fn wrong(name: &str, value: &RawValue, rule: &str) -> InvalidRequest {
    let shown = prefix(value.get(), SHOWN_BYTES_MAX);
    InvalidRequest::field(name, format_args!("{rule}; {shown} is not"))
}
