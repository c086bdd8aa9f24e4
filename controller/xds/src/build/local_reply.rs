//! Answers that Envoy itself gives on AI routes, in the form of OpenAI's errors
//! (`{"error": {"message", "type", "param", "code"}}`), so that client libraries can read them.
//!
//! Texts are fixed: Envoy's own name addresses and TLS details. An answer that already has a
//! content type comes from the engine, through the same path, and is left alone.

use tollgate_bundle::BACKEND_METADATA_NAMESPACE;
use tollgate_envoy as envoy;

use envoy::access_log::{
    AccessLogFilter, ExtensionFilter, access_log_filter::FilterSpecifier, extension_filter,
};
use envoy::core::{SubstitutionFormatString, substitution_format_string::Format};
use envoy::hcm::{LocalReplyConfig, ResponseMapper};

use super::names::AI_METADATA_KEY;
use super::rate_limit::Kinds;
use super::value::inline_text;

struct Reply {
    /// CEL condition on `response.code`.
    condition: &'static str,
    message: String,
    kind: &'static str,
    code: &'static str,
}

/// `limits`: those of the listener's AI rules.
pub(super) fn build_local_replies(body_bytes_max: u64, limits: Kinds) -> LocalReplyConfig {
    let limited = limits.any().then(rate_limit_replies);
    LocalReplyConfig {
        mappers: limited
            .into_iter()
            .flatten()
            .chain(replies(body_bytes_max))
            .map(|reply| build_mapper(&reply))
            .collect(),
        ..LocalReplyConfig::default()
    }
}

/// Before the others.
fn rate_limit_replies() -> [Reply; 2] {
    [
        Reply {
            condition: "response.code == 429",
            message:
                "a rate limit of this route is used up; the header retry-after says for how long"
                    .to_string(),
            kind: "requests",
            code: "rate_limit_exceeded",
        },
        Reply {
            condition: "response.code == 503 && response.code_details == 'rate_limiter_error'",
            message: "the rate limits of this route cannot be checked now".to_string(),
            kind: "server_error",
            code: "rate_limit_unavailable",
        },
    ]
}

/// In order: the first whose condition holds answers.
fn replies(body_bytes_max: u64) -> Vec<Reply> {
    let reply = |condition, message: &str, kind, code| Reply {
        condition,
        message: message.to_string(),
        kind,
        code,
    };
    let too_large = format!("the request body is larger than {body_bytes_max} bytes");
    vec![
        reply(
            "response.code_details == 'upgrade_failed'",
            "this endpoint speaks http and cannot be upgraded to another protocol",
            "invalid_request_error",
            "upgrade_not_supported",
        ),
        reply(
            "response.code == 404",
            "there is no such endpoint",
            "invalid_request_error",
            "unknown_url",
        ),
        reply(
            "response.code == 408",
            "the request did not arrive in time",
            "invalid_request_error",
            "request_timeout",
        ),
        reply(
            "response.code == 413",
            &too_large,
            "invalid_request_error",
            "request_too_large",
        ),
        reply(
            "response.code == 503",
            "the model provider cannot be reached",
            "server_error",
            "upstream_unavailable",
        ),
        reply(
            "response.code == 504",
            "the model provider did not answer in time",
            "server_error",
            "upstream_timeout",
        ),
        reply(
            "response.code >= 500",
            "the gateway could not serve the request",
            "server_error",
            "internal_error",
        ),
        reply(
            "response.code >= 400",
            "the gateway refused the request",
            "invalid_request_error",
            "bad_request",
        ),
    ]
}

fn build_mapper(reply: &Reply) -> ResponseMapper {
    let Reply {
        condition,
        message,
        kind,
        code,
    } = reply;
    let expression = format!(
        "{condition} && \
         xds.route_metadata.filter_metadata['{BACKEND_METADATA_NAMESPACE}']['{AI_METADATA_KEY}'] \
         == 'true' && !('content-type' in response.headers)"
    );
    let filter = envoy::cel_filter::ExpressionFilter {
        expression,
        ..envoy::cel_filter::ExpressionFilter::default()
    };
    // Fixed texts without quotes or `%`, so this is JSON as it stands.
    let body = format!(
        r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":"{code}"}}}}"#
    );
    ResponseMapper {
        filter: Some(AccessLogFilter {
            filter_specifier: Some(FilterSpecifier::ExtensionFilter(ExtensionFilter {
                name: "envoy.access_loggers.extension_filters.cel".to_string(),
                config_type: Some(extension_filter::ConfigType::TypedConfig(envoy::pack(
                    &filter,
                ))),
            })),
        }),
        body_format_override: Some(SubstitutionFormatString {
            content_type: "application/json".to_string(),
            format: Some(Format::TextFormatSource(inline_text(&body))),
            ..SubstitutionFormatString::default()
        }),
        ..ResponseMapper::default()
    }
}
