//! Every answer that the gateway gives by itself: the one place where errors become responses.

mod budget;

use bytes::Bytes;
use tollgate_llm::{ErrorBody, InvalidRequest};

pub(crate) use budget::rate_limit_headers;

/// An answer made by the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside `content-type: application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Bytes,
    /// A word for logs: `budget_denied`.
    pub reason: &'static str,
}

// === impl Reply ===

impl Reply {
    /// 200 with JSON made by the gateway.
    pub(crate) fn json(body: Bytes, reason: &'static str) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body,
            reason,
        }
    }

    pub(crate) fn missing_key() -> Self {
        Self::error(
            401,
            "missing_key",
            "invalid_request_error",
            Some("invalid_api_key"),
            "no API key was given: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`"
                .into(),
        )
        .with("www-authenticate", "Bearer".into())
    }

    pub(crate) fn unknown_key() -> Self {
        Self::error(
            401,
            "unknown_key",
            "invalid_request_error",
            Some("invalid_api_key"),
            "the API key is not known to this gateway, or not for this model".into(),
        )
        .with("www-authenticate", "Bearer".into())
    }

    pub(crate) fn unknown_path(method: &str, path: &str) -> Self {
        Self::error(
            404,
            "unknown_path",
            "invalid_request_error",
            Some("unknown_url"),
            format!(
                "unknown request URL: {method} {path}; this gateway serves POST /v1/chat/completions, GET /v1/models and GET /v1/usage"
            ),
        )
    }

    pub(crate) fn wrong_method(method: &str, path: &str, allowed: &'static str) -> Self {
        Self::error(
            405,
            "wrong_method",
            "invalid_request_error",
            Some("method_not_allowed"),
            format!("{path} does not take {method}; use {allowed}"),
        )
        .with("allow", allowed.into())
    }

    pub(crate) fn unknown_model(model: &str) -> Self {
        Self::error(
            404,
            "unknown_model",
            "invalid_request_error",
            Some("model_not_found"),
            format!("the model {model:?} is not served here; GET /v1/models lists those that are"),
        )
        .param("model")
    }

    pub(crate) fn no_such_scope(scope: &str) -> Self {
        Self::error(
            503,
            "configuration_pending",
            "server_error",
            Some("configuration_pending"),
            format!("the configuration of {scope:?} is not live yet"),
        )
        .with("retry-after", "1".into())
    }

    pub(crate) fn missing_body() -> Self {
        Self::error(
            400,
            "missing_body",
            "invalid_request_error",
            None,
            "the request has no body; send a JSON object with `model` and `messages`".into(),
        )
    }

    pub(crate) fn body_too_large(bytes_max: u64) -> Self {
        Self::error(
            413,
            "body_too_large",
            "invalid_request_error",
            Some("request_too_large"),
            format!("the request body is longer than {bytes_max} bytes"),
        )
    }

    pub(crate) fn encoded_body(encoding: &str) -> Self {
        Self::error(
            415,
            "encoded_body",
            "invalid_request_error",
            Some("unsupported_content_encoding"),
            format!("content-encoding {encoding:?} is not supported; send the JSON body as it is"),
        )
    }

    pub(crate) fn invalid_request(invalid: InvalidRequest) -> Self {
        let reply = Self::error(
            400,
            "invalid_request",
            "invalid_request_error",
            None,
            invalid.message,
        );
        match invalid.param {
            Some(param) => reply.param(&param),
            None => reply,
        }
    }

    pub(crate) fn no_usable_backend(route: &str, why: &str) -> Self {
        Self::error(
            500,
            "no_usable_backend",
            "server_error",
            Some("route_misconfigured"),
            format!("route {route} has no usable backend: {why}"),
        )
    }

    /// Too many calls are in flight.
    pub fn overloaded() -> Self {
        Self::error(
            503,
            "overloaded",
            "server_error",
            Some("overloaded"),
            "too many calls are in flight at this gateway".into(),
        )
        .with("retry-after", "1".into())
    }

    /// A fault of the gateway itself: something that should be impossible came about.
    pub fn internal(what: &str) -> Self {
        Self::error(
            500,
            "internal",
            "server_error",
            Some("internal_error"),
            format!("the gateway failed: {what}"),
        )
    }

    fn error(
        status: u16,
        reason: &'static str,
        r#type: &str,
        code: Option<&str>,
        message: String,
    ) -> Self {
        let body = ErrorBody {
            message,
            r#type: r#type.to_string(),
            param: None,
            code: code.map(str::to_string),
        };
        Self {
            status,
            headers: Vec::new(),
            body: body.to_json(),
            reason,
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Names the field that is wrong.
    fn param(mut self, param: &str) -> Self {
        if let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&self.body) {
            json["error"]["param"] = param.into();
            self.body = Bytes::from(json.to_string());
        }
        self
    }
}

/// A time span as OpenAI writes it: `850ms`, `17s`, `6m0s`, `23h5m12s`.
pub(crate) fn reset_text(ms: u64) -> String {
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let seconds = ms.div_ceil(1000);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m{s}s"),
        _ => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::reset_text;

    #[test]
    fn reset_is_written_as_openai_writes_it() {
        let written = [0, 850, 1000, 16_001, 360_000, 83_112_000].map(reset_text);
        assert_eq!(written, ["0ms", "850ms", "1s", "17s", "6m0s", "23h5m12s"]);
    }
}
