//! What is wanted of a fleet, and what is known of it. Fed by `fleet`, read by `tollgate-fleet`.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_crds::envoy_gateway::EnvoyProxySpec;

/// A fleet of proxies: those of one Gateway, or of all Gateways of a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetSpec {
    /// Namespace of its objects.
    pub namespace: String,
    /// Name of its objects: a DNS label (RFC 1035), unique in the namespace.
    pub name: String,
    /// Whose proxies these are.
    pub scope: FleetScope,
    /// Name of the GatewayClass.
    pub class: String,
    /// The Gateways it serves, as the IR names them; sorted.
    pub gateways: Vec<String>,
    /// What is to be done.
    pub action: FleetAction,
    /// Whose end is its end; `None` where an object without a uid owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<FleetOwner>,
    /// Sorted, each once.
    pub ports: Vec<FleetPort>,
    /// For every object, as the Gateway asks (`spec.infrastructure`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// For every object, as the Gateway asks (`spec.infrastructure`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// IP addresses that the Gateway asks for, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Names what Envoy starts with, where that is not the usual: proxies are replaced when it
    /// changes. 16 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<String>,
    /// The EnvoyProxy in effect: of the Gateway, of the class, or both merged.
    pub proxy: EnvoyProxySpec,
}

/// Whose proxies a fleet has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FleetScope {
    /// Those of one Gateway.
    Gateway {
        /// Namespace of the Gateway.
        namespace: String,
        /// Name of the Gateway.
        name: String,
    },
    /// Those of all Gateways of a class (`mergeGateways`).
    Class {
        /// Name of the class.
        name: String,
    },
}

/// What is to be done with a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum FleetAction {
    /// Make it as the spec says.
    Apply,
    /// What there is of it stays as it is: what it is to be cannot be told, or has no ports.
    Keep,
}

/// The object whose end is a fleet's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetOwner {
    /// `group/version`.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

/// A port that clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetPort {
    /// As clients know it.
    pub port: u16,
    /// Of the two.
    pub protocol: Transport,
    /// As the proxy binds it.
    pub bind_port: u16,
}

/// What carries a listener's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What is known of a fleet's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetState {
    /// Where clients reach it; at most 16 are told.
    pub addresses: Vec<FleetAddress>,
    /// Proxies that are ready.
    pub ready_replicas: u32,
    /// Whether a proxy has put the present configuration into effect.
    pub acknowledged: bool,
    /// Why something is not as it should be, for people: what the API server or a controller of
    /// the cluster said.
    pub problem: Option<String>,
}

/// Where clients reach a fleet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "type", content = "value")]
pub enum FleetAddress {
    /// IPv4 or IPv6.
    IPAddress(String),
    /// A host name.
    Hostname(String),
}

// === impl FleetSpec ===

impl FleetSpec {
    /// Its key in `Translation::fleets`: `namespace/name` of the Gateway, or the name of the class,
    /// which has no `/`.
    pub fn key(&self) -> String {
        self.scope.key()
    }
}

// === impl FleetScope ===

impl FleetScope {
    /// `namespace/name` of the Gateway, or the name of the class.
    pub fn key(&self) -> String {
        match self {
            Self::Gateway { namespace, name } => format!("{namespace}/{name}"),
            Self::Class { name } => name.clone(),
        }
    }
}

// === impl Transport ===

impl Transport {
    /// As Kubernetes writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}
