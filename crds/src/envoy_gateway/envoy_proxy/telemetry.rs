//! Access logs, metrics and traces of the proxies.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Open;
use crate::envoy_gateway::backend_traffic_policy::OpenList;

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

/// A line for each request or connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// Whether there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable: Option<bool>,
    /// What is written where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("minItems" = 1, "x-kubernetes-list-type" = "atomic"))]
    pub settings: Vec<AccessLogSetting>,
}

/// What is written where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogSetting {
    /// Form of a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<AccessLogFormat>,
    /// CEL expressions, one of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub matches: Vec<String>,
    /// Where lines go.
    #[schemars(length(min = 1, max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub sinks: Vec<AccessLogSink>,
    /// Which part of Envoy writes them.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<AccessLogType>,
}

/// Which part of Envoy writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessLogType {
    /// The listener.
    Listener,
    /// The route.
    Route,
    /// The router, for each try.
    Upstream,
}

/// Form of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "has(self.type) && self.type == 'Text' ? has(self.text) && !has(self.json) : true"
).message("type Text needs text and takes no json"))]
#[x_kube(validation = Rule::new(
    "has(self.type) && self.type == 'JSON' ? has(self.json) && !has(self.text) : true"
).message("type JSON needs json and takes no text"))]
#[x_kube(validation = Rule::new("has(self.type) || has(self.text) || has(self.json)")
    .message("without a type, text or json must be set"))]
pub struct AccessLogFormat {
    /// Which of the two is meant.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<AccessLogFormatType>,
    /// A line with Envoy's operators in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Fields, their values with Envoy's operators in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<BTreeMap<String, String>>,
}

/// Form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessLogFormatType {
    /// Text.
    Text,
    /// A JSON object.
    JSON,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'ALS' ? has(self.als) : !has(self.als)")
    .message("als must be set for type ALS, and for no other"))]
#[x_kube(validation = Rule::new("self.type == 'File' ? has(self.file) : !has(self.file)")
    .message("file must be set for type File, and for no other"))]
#[x_kube(validation = Rule::new(
    "self.type == 'OpenTelemetry' ? has(self.openTelemetry) : !has(self.openTelemetry)"
).message("openTelemetry must be set for type OpenTelemetry, and for no other"))]
pub struct AccessLogSink {
    /// Which of them is meant.
    #[serde(rename = "type")]
    pub type_: AccessLogSinkType,
    /// A service that speaks Envoy's protocol for access logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub als: Option<Open>,
    /// A file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSink>,
    /// A collector of OpenTelemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_telemetry: Option<Open>,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessLogSinkType {
    /// To a service that speaks Envoy's protocol for access logs.
    ALS,
    /// To a file.
    File,
    /// To a collector of OpenTelemetry.
    OpenTelemetry,
}

/// A file of the proxy's container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSink {
    /// Its path: `/dev/stdout`.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

/// Traces: where they go, how many, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.samplingRate) && has(self.samplingFraction))")
    .message("only one of samplingRate and samplingFraction can be set"))]
pub struct ProxyTracing {
    /// Requests of a hundred that are traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub sampling_rate: Option<u32>,
    /// Share of requests that are traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_fraction: Option<Open>,
    /// Share of requests that are traced because the client asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_sampling_fraction: Option<Open>,
    /// Share of all that would be traced which is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall_sampling_fraction: Option<Open>,
    /// Tags by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_tags: Option<Open>,
    /// Tags by name, their values with Envoy's operators in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Names of spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_name: Option<Open>,
    /// Where traces go.
    pub provider: Open,
}

/// Metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyMetrics {
    /// Metrics for Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<ProxyPrometheus>,
    /// Collectors of OpenTelemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sinks: Option<OpenList>,
    /// Which metrics there are; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<OpenList>,
    /// Metrics of each virtual host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_virtual_host_stats: Option<bool>,
    /// Metrics of each endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_per_endpoint_stats: Option<bool>,
    /// Sizes of requests and responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_request_response_sizes_stats: Option<bool>,
    /// Metrics of gRPC calls.
    #[serde(
        rename = "enableGRPCStats",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_grpc_stats: Option<bool>,
    /// Pattern of the names of clusters in metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_stat_name: Option<String>,
}

/// Metrics for Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyPrometheus {
    /// Whether there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable: Option<bool>,
    /// How they are compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Open>,
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
