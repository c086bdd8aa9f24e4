//! Traces: where they go, how many, and what they say.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sink::{SinkCluster, SinkHeader};

/// Traces: where they go, how many, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.samplingRate) && has(self.samplingFraction))")
    .message("only one of samplingRate and samplingFraction can be set"))]
pub struct ProxyTracing {
    /// Requests of a hundred that are traced; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub sampling_rate: Option<u32>,
    /// Share of requests that are traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_fraction: Option<SamplingFraction>,
    /// Share of requests that are traced because the client asks for it; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_sampling_fraction: Option<SamplingFraction>,
    /// Share of all that would be traced which is; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall_sampling_fraction: Option<SamplingFraction>,
    /// Tags by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_tags: BTreeMap<String, CustomTag>,
    /// Tags by name, their values with Envoy's operators in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Names of spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_name: Option<SpanName>,
    /// Where traces go.
    pub provider: TracingProvider,
}

/// A share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "self.numerator <= (has(self.denominator) ? self.denominator : 100)"
).message("numerator must not exceed denominator"))]
pub struct SamplingFraction {
    /// Parts.
    #[schemars(range(min = 0))]
    pub numerator: i32,
    /// Of so many; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub denominator: Option<i32>,
}

/// A tag of spans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomTag {
    /// Where its value comes from.
    #[serde(rename = "type", default)]
    pub type_: CustomTagType,
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<LiteralTag>,
    /// A variable of the proxy's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<DefaultedName>,
    /// A header of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_header: Option<DefaultedName>,
}

/// Where the value of a tag comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CustomTagType {
    /// It is written down.
    #[default]
    Literal,
    /// From the proxy's environment.
    Environment,
    /// From a header of the request.
    RequestHeader,
}

/// A value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiteralTag {
    /// The value.
    #[schemars(length(max = 4096))]
    pub value: String,
}

/// What holds a value, and what is said where it is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultedName {
    /// Its name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The value where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub default_value: Option<String>,
}

/// Names of spans, with Envoy's operators in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpanName {
    /// Of the span that covers a request of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub server: Option<String>,
    /// Of the span that covers a try at a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub client: Option<String>,
}

/// Where traces go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "has(self.host) || has(self.backendRef) || (has(self.backendRefs) && size(self.backendRefs) > 0)"
).message("host or backendRefs must be set"))]
pub struct TracingProvider {
    /// What it speaks.
    #[serde(rename = "type", default)]
    pub type_: TracingProviderType,
    /// Where it is.
    #[serde(flatten)]
    pub cluster: SinkCluster,
    /// Host name or address, instead of `backendRefs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub host: Option<String>,
    /// Port of `host`; 4317 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65535))]
    pub port: Option<i32>,
    /// What traces call the proxies; `name.namespace` of the Gateway when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_name: Option<String>,
    /// Settings of Zipkin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zipkin: Option<ZipkinTracer>,
    /// Settings of OpenTelemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_telemetry: Option<OpenTelemetryTracer>,
}

/// What a receiver of traces speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TracingProviderType {
    /// OTLP over gRPC.
    #[default]
    OpenTelemetry,
    /// Zipkin's API, version 2.
    Zipkin,
    /// Datadog's agent.
    Datadog,
}

/// Settings of Zipkin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZipkinTracer {
    /// Whether ids of traces have 128 bits; 64 when absent.
    #[serde(
        rename = "enable128BitTraceId",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_128_bit_trace_id: Option<bool>,
    /// Whether client and server have spans of their own; they share one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_shared_span_context: Option<bool>,
}

/// Settings of OpenTelemetry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenTelemetryTracer {
    /// Sent with each export.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub headers: Vec<SinkHeader>,
    /// Attributes of the resource that is traced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_attributes: BTreeMap<String, String>,
    /// Which of the traced requests are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<OpenTelemetrySampler>,
}

/// Which traces are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenTelemetrySampler {
    /// How it is decided.
    #[serde(rename = "type", default)]
    pub type_: SamplerType,
    /// Share for the samplers that need one; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_percentage: Option<SamplingFraction>,
}

/// How it is decided which traces are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SamplerType {
    /// All.
    #[default]
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A share, by the id of the trace.
    TraceIdRatio,
    /// As the parent span says, else all.
    ParentBasedAlwaysOn,
    /// As the parent span says, else none.
    ParentBasedAlwaysOff,
    /// As the parent span says, else a share.
    ParentBasedTraceIdRatio,
}
