//! Access logs: what is written of requests and connections, and where.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sink::{SinkCluster, SinkHeader};

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
    pub als: Option<AlsSink>,
    /// A file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSink>,
    /// A collector of OpenTelemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_telemetry: Option<OpenTelemetryLogSink>,
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

/// A service that speaks Envoy's protocol for access logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlsSink {
    /// Where it is.
    #[serde(flatten)]
    pub cluster: SinkCluster,
    /// Name of the log; `namespace/name` of the Gateway when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub log_name: Option<String>,
    /// What entries look like.
    #[serde(rename = "type", default)]
    pub type_: AlsType,
    /// What entries of HTTP say more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<AlsHttp>,
}

/// What entries look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AlsType {
    /// Of requests.
    #[default]
    HTTP,
    /// Of connections.
    TCP,
}

/// What entries of requests say more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlsHttp {
    /// Headers of requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub request_headers: Vec<String>,
    /// Headers of responses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub response_headers: Vec<String>,
    /// Trailers of responses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub response_trailers: Vec<String>,
}

/// A collector of OpenTelemetry, for logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenTelemetryLogSink {
    /// Where it is.
    #[serde(flatten)]
    pub cluster: SinkCluster,
    /// Host name or address of the collector, instead of `backendRefs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub host: Option<String>,
    /// Port of `host`; 4317 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65535))]
    pub port: Option<i32>,
    /// The older name of `resourceAttributes`, which wins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, String>,
    /// Attributes of the resource that logs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_attributes: BTreeMap<String, String>,
    /// Sent with each export.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub headers: Vec<SinkHeader>,
}
