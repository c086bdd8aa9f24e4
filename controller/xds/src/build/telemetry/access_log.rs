//! Access loggers: to a file, to a collector of OpenTelemetry, to a service that speaks ALS.

use std::collections::BTreeMap;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::access_log::{AccessLog, access_log::ConfigType};
use envoy::core::ApiVersion;
use envoy::grpc_access_log::{
    CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig,
};
use envoy::otel_access_log::OpenTelemetryAccessLogConfig;
use envoy::otel_common::{AnyValue, KeyValue, KeyValueList, any_value};
use envoy::well_known::Any;

use super::filter::{self, Place};
use super::{build_grpc_service, format};

/// What logs are called in OTLP.
const OTEL_LOG_NAME: &str = "otel_envoy_accesslog";
/// Attributes of every OTLP entry, from the environment that `tollgate-fleet` gives proxies.
const OTEL_ATTRIBUTES: [(&str, &str); 2] = [
    ("k8s.namespace.name", "%ENVIRONMENT(POD_NAMESPACE)%"),
    ("k8s.pod.name", "%ENVIRONMENT(POD_NAME)%"),
];

/// The loggers of one place, in the order of the settings.
pub(super) fn build_all(logs: &[ir::AccessLog], place: Place) -> Vec<AccessLog> {
    let here = logs.iter().filter(|log| place.takes(log));
    here.map(|log| build(log, place)).collect()
}

fn build(log: &ir::AccessLog, place: Place) -> AccessLog {
    let (name, config) = match &log.sink {
        ir::LogSink::File { path } => (
            "envoy.access_loggers.file",
            format::build_file(path, &log.format),
        ),
        ir::LogSink::OpenTelemetry(sink) => (
            "envoy.access_loggers.open_telemetry",
            envoy::pack(&build_otel(sink, &log.format)),
        ),
        ir::LogSink::Als(sink) => build_als(sink),
    };
    AccessLog {
        name: name.to_string(),
        filter: filter::build(log, place),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

fn build_otel(
    sink: &ir::OpenTelemetryLogSink,
    format: &ir::LogFormat,
) -> OpenTelemetryAccessLogConfig {
    let (body, attributes) = format::otel(format);
    let own = OTEL_ATTRIBUTES.map(|(name, value)| (name.to_string(), value.to_string()));
    let formatters = format::formatters(body.iter().chain(attributes.values()));
    OpenTelemetryAccessLogConfig {
        log_name: OTEL_LOG_NAME.to_string(),
        grpc_service: Some(build_grpc_service(&sink.receiver)),
        resource_attributes: (!sink.resource_attributes.is_empty())
            .then(|| build_list(sink.resource_attributes.clone())),
        body: body.map(text),
        attributes: Some(build_list(own.into_iter().chain(attributes))),
        formatters,
        ..OpenTelemetryAccessLogConfig::default()
    }
}

fn build_list(values: impl IntoIterator<Item = (String, String)>) -> KeyValueList {
    let sorted: BTreeMap<String, String> = values.into_iter().collect();
    let values = sorted.into_iter().map(|(key, value)| KeyValue {
        key,
        value: Some(text(value)),
        ..KeyValue::default()
    });
    KeyValueList {
        values: values.collect(),
    }
}

fn text(value: String) -> AnyValue {
    AnyValue {
        value: Some(any_value::Value::StringValue(value)),
    }
}

fn build_als(sink: &ir::AlsSink) -> (&'static str, Any) {
    let common_config = Some(CommonGrpcAccessLogConfig {
        log_name: sink.log_name.clone(),
        grpc_service: Some(build_grpc_service(&sink.receiver)),
        transport_api_version: ApiVersion::V3.into(),
        ..CommonGrpcAccessLogConfig::default()
    });
    match &sink.content {
        ir::AlsContent::Http {
            request_headers,
            response_headers,
            response_trailers,
        } => (
            "envoy.access_loggers.http_grpc",
            envoy::pack(&HttpGrpcAccessLogConfig {
                common_config,
                additional_request_headers_to_log: request_headers.clone(),
                additional_response_headers_to_log: response_headers.clone(),
                additional_response_trailers_to_log: response_trailers.clone(),
            }),
        ),
        ir::AlsContent::Tcp => (
            "envoy.access_loggers.tcp_grpc",
            envoy::pack(&TcpGrpcAccessLogConfig { common_config }),
        ),
    }
}
