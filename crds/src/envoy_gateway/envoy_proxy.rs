//! EnvoyProxy: the proxies of a Gateway or of a GatewayClass, in Envoy Gateway's spelling (v1.9).
//!
//! What Kubernetes itself defines (affinity, volumes, resources, …) is kept as it is written; the
//! API server checks it when `controller/fleet` has made objects of it.

mod bootstrap;
mod filter_order;
mod kubernetes;
mod logging;
mod module;
mod pod;
mod scaling;
mod service;
mod telemetry;
mod tls;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bootstrap::{BootstrapType, JsonPatchOperation, JsonPatchVerb, ProxyBootstrap};
pub use filter_order::{EnvoyFilter, FilterPosition};
pub use kubernetes::{
    DaemonSetSettings, DeploymentSettings, HostProvider, KubernetesPatch, KubernetesProvider,
    PatchType, ProviderType, ProxyProvider, ServiceAccountSettings,
};
pub use logging::{LogLevel, ProxyLogging};
pub use module::{
    DynamicModule, DynamicModuleSource, DynamicModuleSourceType, GeoIp, LocalModule, RemoteModule,
};
pub use pod::{ContainerSettings, PodSettings};
pub use scaling::{AutoscalerSettings, DisruptionBudgetSettings};
pub use service::{ExternalTrafficPolicy, ServiceSettings, ServiceType};
pub use telemetry::{
    AccessLog, AccessLogFormat, AccessLogFormatType, AccessLogSetting, AccessLogSink,
    AccessLogSinkType, AccessLogType, AlsHttp, AlsSink, AlsType, CustomTag, CustomTagType,
    DefaultedName, FileSink, HealthCheckEvent, HealthCheckLog, HealthCheckLogSink,
    HealthCheckLogSinkType, LiteralTag, MetricSink, MetricSinkType, OpenTelemetryLogSink,
    OpenTelemetryMetricSink, OpenTelemetrySampler, OpenTelemetryTracer, ProxyMetrics,
    ProxyPrometheus, ProxyTelemetry, ProxyTracing, RequestId, RequestIdTracing, SamplerType,
    SamplingFraction, SinkBackendRef, SinkCluster, SinkHeader, SpanName, StringMatch,
    StringMatchType, TracingProvider, TracingProviderType, ZipkinTracer,
};
pub use tls::{BackendTlsSettings, Fingerprint, TlsVersion};

use super::backend_traffic_policy::{LabelSelector, Open, RoutingType};
use crate::{Duration, PolicyStatus};

/// How proxies are run.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "gateway.envoyproxy.io",
    version = "v1alpha1",
    kind = "EnvoyProxy",
    plural = "envoyproxies",
    shortname = "eproxy",
    category = "envoy-gateway",
    namespaced,
    status = "PolicyStatus",
    derive = "PartialEq",
    doc = "How the proxies of a Gateway or of a GatewayClass are run.",
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!(has(self.mergeGateways) && self.mergeGateways && has(self.mergeBackends))"
).message("mergeGateways and mergeBackends cannot both be set"))]
pub struct EnvoyProxySpec {
    /// Where the proxies run, and as what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProxyProvider>,
    /// How much the proxies log.
    #[serde(default)]
    pub logging: ProxyLogging,
    /// Access logs, metrics and traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<ProxyTelemetry>,
    /// Changes to Envoy's own start configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<ProxyBootstrap>,
    /// Worker threads; one for each processor when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<i32>,
    /// Whether the proxy or the cluster's network balances; `Endpoint` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_type: Option<RoutingType>,
    /// More arguments for Envoy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub extra_args: Vec<String>,
    /// Whether all Gateways of the class share one fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_gateways: Option<bool>,
    /// Whether routes to one backend share a cluster of Envoy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_backends: Option<MergeBackends>,
    /// How a proxy stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
    /// Moves of filters in the order of HTTP filters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub filter_order: Vec<FilterPosition>,
    /// TLS towards backends.
    #[serde(
        rename = "backendTLS",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub backend_tls: Option<BackendTlsSettings>,
    /// Address families of the listeners.
    #[serde(rename = "ipFamily", default, skip_serializing_if = "Option::is_none")]
    pub ip_family: Option<IpFamily>,
    /// Whether rules of an HTTPRoute are tried in the order they are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_route_order: Option<bool>,
    /// How Lua scripts are checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lua_validation: Option<LuaValidation>,
    /// Shared libraries that policies may load into Envoy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub dynamic_modules: Vec<DynamicModule>,
    /// Databases of addresses and places.
    #[serde(rename = "geoIP", default, skip_serializing_if = "Option::is_none")]
    pub geo_ip: Option<GeoIp>,
    /// How the EnvoyProxy of a Gateway joins that of its class; it replaces it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_type: Option<ProxyMergeType>,
}

/// Which backends share a cluster of Envoy's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergeBackends {
    /// Backends with these labels; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// How a proxy stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shutdown {
    /// Time before it calls itself not ready; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_failure_delay: Option<Duration>,
    /// Longest time that requests in flight are given; 60 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<Duration>,
    /// Shortest time that it still listens, so that nobody new is sent to it; 10 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_drain_duration: Option<Duration>,
}

/// Address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IpFamily {
    /// IPv4 alone.
    IPv4,
    /// IPv6 alone.
    IPv6,
    /// Both.
    DualStack,
}

/// How Lua scripts are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LuaValidation {
    /// Run in a sandbox.
    Strict,
    /// Parsed.
    InsecureSyntax,
    /// Not at all.
    Disabled,
}

/// How the EnvoyProxy of a Gateway joins that of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProxyMergeType {
    /// It replaces it.
    Replace,
    /// As Kubernetes merges its own objects.
    StrategicMerge,
    /// As RFC 7386 merges JSON.
    JSONMerge,
}

// === impl EnvoyProxySpec ===

impl EnvoyProxySpec {
    /// The settings for Kubernetes, if there are any.
    pub fn kubernetes(&self) -> Option<&KubernetesProvider> {
        self.provider.as_ref()?.kubernetes.as_ref()
    }
}
