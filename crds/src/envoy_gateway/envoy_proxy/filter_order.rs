//! Moves of filters in the order of HTTP filters.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moves one filter next to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.before) != has(self.after)")
    .message("exactly one of before and after must be set"))]
pub struct FilterPosition {
    /// The filter that moves.
    pub name: EnvoyFilter,
    /// It goes before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<EnvoyFilter>,
    /// It goes behind this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<EnvoyFilter>,
}

/// An HTTP filter of Envoy's; each variant is named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are Envoy's and say it")]
pub enum EnvoyFilter {
    #[serde(rename = "envoy.filters.http.custom_response")]
    CustomResponse,
    #[serde(rename = "envoy.filters.http.health_check")]
    HealthCheck,
    #[serde(rename = "envoy.filters.http.fault")]
    Fault,
    #[serde(rename = "envoy.filters.http.cors")]
    Cors,
    #[serde(rename = "envoy.filters.http.csrf")]
    Csrf,
    #[serde(rename = "envoy.filters.http.header_mutation")]
    HeaderMutation,
    #[serde(rename = "envoy.filters.http.ext_authz")]
    ExtAuthz,
    #[serde(rename = "envoy.filters.http.api_key_auth")]
    ApiKeyAuth,
    #[serde(rename = "envoy.filters.http.basic_auth")]
    BasicAuth,
    #[serde(rename = "envoy.filters.http.oauth2")]
    Oauth2,
    #[serde(rename = "envoy.filters.http.jwt_authn")]
    JwtAuthn,
    #[serde(rename = "envoy.filters.http.stateful_session")]
    StatefulSession,
    #[serde(rename = "envoy.filters.http.buffer")]
    Buffer,
    #[serde(rename = "envoy.filters.http.lua")]
    Lua,
    #[serde(rename = "envoy.filters.http.ext_proc")]
    ExtProc,
    #[serde(rename = "envoy.filters.http.wasm")]
    Wasm,
    #[serde(rename = "envoy.filters.http.dynamic_modules")]
    DynamicModules,
    #[serde(rename = "envoy.filters.http.geoip")]
    GeoIp,
    #[serde(rename = "envoy.filters.http.rbac")]
    Rbac,
    #[serde(rename = "envoy.filters.http.local_ratelimit")]
    LocalRateLimit,
    #[serde(rename = "envoy.filters.http.ratelimit")]
    RateLimit,
    #[serde(rename = "envoy.filters.http.bandwidth_limit")]
    BandwidthLimit,
    #[serde(rename = "envoy.filters.http.grpc_web")]
    GrpcWeb,
    #[serde(rename = "envoy.filters.http.grpc_stats")]
    GrpcStats,
    #[serde(rename = "envoy.filters.http.credential_injector")]
    CredentialInjector,
    #[serde(rename = "envoy.filters.http.compressor")]
    Compressor,
    #[serde(rename = "envoy.filters.http.dynamic_forward_proxy")]
    DynamicForwardProxy,
}
