//! Backend: an upstream given by host name, address or socket instead of by a Service.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ObjectStatus, SecretObjectReference};

/// Where requests go.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "gateway.envoyproxy.io",
    version = "v1alpha1",
    kind = "Backend",
    plural = "backends",
    shortname = "be",
    category = "envoy-gateway",
    namespaced,
    status = "ObjectStatus",
    derive = "PartialEq",
    doc = "An upstream given by host name, address or socket.",
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].reason"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type != 'DynamicResolver' || !has(self.endpoints)")
    .message("DynamicResolver type cannot have endpoints specified"))]
#[x_kube(validation = Rule::new("self.type != 'Endpoints' || has(self.endpoints)")
    .message("Endpoints type must have endpoints specified"))]
pub struct BackendSpec {
    /// Whether the endpoints are listed here or found from each request's host.
    #[serde(rename = "type", default)]
    pub type_: BackendType,
    /// Where requests go; host names do not mix with addresses and sockets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        extend("minItems" = 1, "x-kubernetes-list-type" = "atomic"),
        length(max = 256)
    )]
    #[x_kube(validation = Rule::new("self.all(e, has(e.fqdn)) || !self.exists(e, has(e.fqdn))")
        .message("fqdn endpoints cannot be mixed with other endpoint types"))]
    pub endpoints: Vec<BackendEndpoint>,
    /// Protocols that the endpoints speak besides HTTP/1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub app_protocols: Vec<AppProtocol>,
    /// Used only while the backends without this mark are unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<bool>,
    /// TLS towards the endpoints; plain text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<BackendTls>,
}

/// How a Backend's endpoints are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BackendType {
    /// Listed in the object.
    #[default]
    Endpoints,
    /// Resolved from the host of each request.
    DynamicResolver,
}

/// One endpoint: exactly one of host name, address and socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "(has(self.fqdn) ? 1 : 0) + (has(self.ip) ? 1 : 0) + (has(self.unix) ? 1 : 0) == 1"
).message("exactly one of fqdn, ip or unix must be specified"))]
pub struct BackendEndpoint {
    /// Host name of the endpoint for health checks and TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub hostname: Option<String>,
    /// A host name that Envoy resolves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<FqdnEndpoint>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpEndpoint>,
    /// A Unix domain socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix: Option<UnixSocket>,
    /// Zone of the endpoint, for zone-aware balancing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub zone: Option<String>,
}

/// A host name and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FqdnEndpoint {
    /// A host name without scheme or port.
    #[schemars(
        length(min = 1, max = 253),
        regex(
            pattern = r"^([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*\.?$"
        )
    )]
    pub hostname: String,
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

/// An IPv4 or IPv6 address and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IpEndpoint {
    /// IPv4 or IPv6 address without brackets.
    #[schemars(
        length(min = 3, max = 45),
        regex(
            pattern = r"^((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(\.(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$"
        )
    )]
    pub address: String,
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

/// A Unix domain socket; the length is that of Linux's `sun_path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnixSocket {
    /// Path of the socket in Envoy's file system.
    #[schemars(length(min = 1, max = 108))]
    pub path: String,
}

/// Protocols beyond HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AppProtocol {
    /// HTTP/2 without TLS.
    #[serde(rename = "gateway.envoyproxy.io/h2c")]
    H2c,
    /// WebSocket.
    #[serde(rename = "gateway.envoyproxy.io/ws")]
    Ws,
    /// WebSocket over TLS.
    #[serde(rename = "gateway.envoyproxy.io/wss")]
    Wss,
}

/// TLS from Envoy to the endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!((has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0) && (has(self.wellKnownCACertificates) && self.wellKnownCACertificates != ''))"
).message("must not contain both caCertificateRefs and wellKnownCACertificates"))]
#[x_kube(validation = Rule::new(
    "(has(self.insecureSkipVerify) && self.insecureSkipVerify) || (has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0) || (has(self.wellKnownCACertificates) && self.wellKnownCACertificates != '')"
).message("must specify either caCertificateRefs or wellKnownCACertificates, or set insecureSkipVerify to true"))]
#[x_kube(validation = Rule::new(
    "!(has(self.sni) && has(self.autoSNIFromEndpointHostname) && self.autoSNIFromEndpointHostname)"
).message("must not set sni together with autoSNIFromEndpointHostname"))]
pub struct BackendTls {
    /// Secrets or ConfigMaps whose `ca.crt` signs the endpoints' certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub ca_certificate_refs: Vec<SecretObjectReference>,
    /// Trust store to use instead.
    #[serde(
        rename = "wellKnownCACertificates",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub well_known_ca_certificates: Option<WellKnownCaCertificates>,
    /// Accept any certificate. For tests only.
    #[serde(default)]
    pub insecure_skip_verify: bool,
    /// Server name sent in the handshake and expected in the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub sni: Option<String>,
    /// Take the server name from each endpoint's host name.
    #[serde(
        rename = "autoSNIFromEndpointHostname",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub auto_sni_from_endpoint_hostname: Option<bool>,
    /// Certificate that Envoy presents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_ref: Option<SecretObjectReference>,
    /// Versions, ciphers and the like: kept, not acted on.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// Trust stores known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WellKnownCaCertificates {
    /// The trust store of the machine that runs Envoy.
    System,
}
