//! Metrics of Envoy: which there are, and where they go.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sink::{SinkCluster, SinkHeader};
use crate::envoy_gateway::backend_traffic_policy::Open;

/// Metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyMetrics {
    /// Metrics for Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<ProxyPrometheus>,
    /// Collectors of OpenTelemetry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub sinks: Vec<MetricSink>,
    /// Which metrics there are; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub matches: Vec<StringMatch>,
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

/// A test of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StringMatch {
    /// How it is tested.
    #[serde(rename = "type", default)]
    pub type_: StringMatchType,
    /// With what.
    #[schemars(length(min = 1, max = 1024))]
    pub value: String,
}

/// How a text is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StringMatchType {
    /// It is the value.
    #[default]
    Exact,
    /// It begins with the value.
    Prefix,
    /// It ends with the value.
    Suffix,
    /// The value, an RE2 expression, matches the whole of it.
    RegularExpression,
}

/// Where metrics are sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "self.type == 'OpenTelemetry' ? has(self.openTelemetry) : !has(self.openTelemetry)"
).message("openTelemetry must be set for type OpenTelemetry, and for no other"))]
pub struct MetricSink {
    /// Which kind.
    #[serde(rename = "type", default)]
    pub type_: MetricSinkType,
    /// A collector of OpenTelemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_telemetry: Option<OpenTelemetryMetricSink>,
}

/// Where metrics are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricSinkType {
    /// To a collector of OpenTelemetry.
    #[default]
    OpenTelemetry,
}

/// A collector of OpenTelemetry, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenTelemetryMetricSink {
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
    /// Whether counters say what was added since the last export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_counters_as_deltas: Option<bool>,
    /// Whether histograms say what was added since the last export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_histograms_as_deltas: Option<bool>,
    /// Sent with each export.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub headers: Vec<SinkHeader>,
    /// Attributes of the resource that is measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_attributes: BTreeMap<String, String>,
}
