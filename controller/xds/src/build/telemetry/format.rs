//! What lines say: the default form, and those of users.

use std::collections::BTreeMap;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{
    SubstitutionFormatString, TypedExtensionConfig, substitution_format_string::Format,
};
use envoy::file_access_log::{FileAccessLog, file_access_log::AccessLogFormat};
use envoy::well_known::{Any, Value, value};

use super::super::value::inline_text;

/// The default: the fields that Envoy Gateway writes, so that whoever reads its lines reads ours.
const DEFAULT: [(&str, &str); 24] = [
    (":authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    (
        "connection_termination_details",
        "%CONNECTION_TERMINATION_DETAILS%",
    ),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("protocol", "%PROTOCOL%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    (
        "upstream_transport_failure_reason",
        "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    ),
    ("user-agent", "%REQ(USER-AGENT)%"),
    ("x-envoy-origin-path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    (
        "x-envoy-upstream-service-time",
        "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    ),
    ("x-forwarded-for", "%REQ(X-FORWARDED-FOR)%"),
    ("x-request-id", "%REQ(X-REQUEST-ID)%"),
];

/// The logger of a file.
pub(super) fn build_file(path: &str, format: &ir::LogFormat) -> Any {
    let fields = match format {
        ir::LogFormat::Default => default_fields(),
        ir::LogFormat::Json(fields) => fields.clone(),
        ir::LogFormat::Text(text) | ir::LogFormat::TextAndFields(text, _) => {
            return envoy::pack(&build_text_file(path, text));
        }
    };
    let formatters = formatters(fields.values());
    let fields = fields.into_iter().map(|(name, format)| {
        let kind = Some(value::Kind::StringValue(format));
        (name, Value { kind })
    });
    envoy::pack(&envoy::SortedFileLog::new(
        path,
        fields.collect(),
        formatters,
    ))
}

fn build_text_file(path: &str, text: &str) -> FileAccessLog {
    // A line ends where its author has not said so.
    let text = match text.ends_with('\n') {
        true => text.to_string(),
        false => format!("{text}\n"),
    };
    FileAccessLog {
        path: path.to_string(),
        access_log_format: Some(AccessLogFormat::LogFormat(SubstitutionFormatString {
            formatters: formatters([&text]),
            format: Some(Format::TextFormatSource(inline_text(&text))),
            ..SubstitutionFormatString::default()
        })),
    }
}

/// Body and attributes of an OTLP entry.
pub(super) fn otel(format: &ir::LogFormat) -> (Option<String>, BTreeMap<String, String>) {
    match format {
        ir::LogFormat::Text(text) => (Some(text.clone()), BTreeMap::new()),
        ir::LogFormat::Json(fields) => (None, fields.clone()),
        ir::LogFormat::TextAndFields(text, fields) => (Some(text.clone()), fields.clone()),
        ir::LogFormat::Default => (None, default_fields()),
    }
}

fn default_fields() -> BTreeMap<String, String> {
    DEFAULT
        .map(|(name, format)| (name.to_string(), format.to_string()))
        .into()
}

/// The extensions that know operators in these formats. Those of `%METADATA(…)%` and `%CEL(…)%` are
/// always there (Envoy 1.40 warns of a configuration of them).
pub(super) fn formatters<'a>(
    formats: impl IntoIterator<Item = &'a String>,
) -> Vec<TypedExtensionConfig> {
    let mut formats = formats.into_iter();
    let found = formats.any(|format| format.contains("%REQ_WITHOUT_QUERY"));
    let formatter = found.then(|| {
        envoy::typed_extension(
            "envoy.formatter.req_without_query",
            &envoy::req_without_query_formatter::ReqWithoutQuery::default(),
        )
    });
    formatter.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operator_of_an_extension_brings_its_formatter_and_others_bring_none() {
        let names = |format: &str| -> Vec<String> {
            let found = formatters([&format.to_string()]);
            found.into_iter().map(|it| it.name).collect()
        };
        let extension = "%REQ(:METHOD)% %REQ_WITHOUT_QUERY(:PATH)%";
        assert_eq!(names(extension), ["envoy.formatter.req_without_query"]);
        assert!(names("%REQ(:METHOD)% %CEL(request.path)%").is_empty());
    }

    #[test]
    fn default_has_each_field_once() {
        assert_eq!(default_fields().len(), DEFAULT.len());
    }
}
