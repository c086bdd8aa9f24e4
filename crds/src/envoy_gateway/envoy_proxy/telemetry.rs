//! Access logs, metrics and traces of the proxies.

mod access_log;
mod metrics;
mod sink;
mod tracing;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use access_log::{
    AccessLog, AccessLogFormat, AccessLogFormatType, AccessLogSetting, AccessLogSink,
    AccessLogSinkType, AccessLogType, AlsHttp, AlsSink, AlsType, FileSink, OpenTelemetryLogSink,
};
pub use metrics::{
    MetricSink, MetricSinkType, OpenTelemetryMetricSink, ProxyMetrics, ProxyPrometheus,
    StringMatch, StringMatchType,
};
pub use sink::{SinkBackendRef, SinkCluster, SinkHeader};
pub use tracing::{
    CustomTag, CustomTagType, DefaultedName, LiteralTag, OpenTelemetrySampler, OpenTelemetryTracer,
    ProxyTracing, SamplerType, SamplingFraction, SpanName, TracingProvider, TracingProviderType,
    ZipkinTracer,
};

/// Access logs, metrics and traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyTelemetry {
    /// A line for each request or connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
    /// Traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<ProxyTracing>,
    /// Metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<ProxyMetrics>,
    /// What `x-request-id` says about traces.
    #[serde(rename = "requestID", default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// A line for each event of health checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_log: Option<HealthCheckLog>,
}

/// What `x-request-id` says about traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestId {
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<RequestIdTracing>,
}

/// What `x-request-id` says about traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RequestIdTracing {
    /// It carries the decision, and makes it.
    PackAndSample,
    /// It makes the decision.
    Sample,
    /// It carries the decision.
    Pack,
    /// Nothing.
    Disable,
}

/// A line for each event of health checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckLog {
    /// Where lines go; `/dev/stdout` when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1), extend("x-kubernetes-list-type" = "atomic"))]
    pub sinks: Vec<HealthCheckLogSink>,
    /// Which events; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub matches: Vec<HealthCheckEvent>,
}

/// Where lines about health checks go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckLogSink {
    /// Which kind.
    #[serde(rename = "type")]
    pub type_: HealthCheckLogSinkType,
    /// A file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSink>,
}

/// Where lines about health checks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HealthCheckLogSinkType {
    /// To a file.
    File,
}

/// An event of health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HealthCheckEvent {
    /// Each probe that failed.
    Failure,
    /// The first of several probes that failed.
    FailureSeriesStart,
    /// Each probe that succeeded.
    Success,
    /// An endpoint has become healthy.
    HealthyTransition,
}
