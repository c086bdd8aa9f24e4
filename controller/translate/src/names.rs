//! Names: of objects, and of everything in the IR that must be unique.
//!
//! Every generated name is made here, so that two of them can be compared at a glance.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use tollgate_ir as ir;

use crate::backend_ref::Usage;

/// Namespace and name of a namespaced object; prints as `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NamespacedName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

// === impl NamespacedName ===

impl NamespacedName {
    /// Both parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Name of the IR listener of a Gateway's port.
pub(crate) fn listener(gateway: &NamespacedName, port: u16) -> String {
    format!("{gateway}/{port}")
}

/// Name of the IR listener of a UDP port of a Gateway.
pub(crate) fn udp_listener(gateway: &NamespacedName, port: u16) -> String {
    format!("{}/udp", listener(gateway, port))
}

/// Name of what a listener does for one server name, and of the route configuration inside.
pub(crate) fn tls_chain(listener: &str, domain: &str) -> String {
    format!("{listener}/{domain}")
}

/// Name of a virtual host of a route configuration.
pub(crate) fn virtual_host(route_configuration: &str, domain: &str) -> String {
    format!("{route_configuration}/{domain}")
}

/// Name of the route where nothing is attached; `place` is a listener or a chain of one.
pub(crate) fn no_route(place: &str) -> String {
    format!("{place}/none")
}

/// Name of rule `rule` of a route below HTTP; `prefix` is its kind: `tcproute`.
pub(crate) fn stream_route(prefix: &str, route: &NamespacedName, rule: usize) -> String {
    format!("{prefix}/{route}/rule/{rule}")
}

/// Name of the cluster of backend `position` of such a rule. What was behind TLS may be encrypted
/// anew, which the same backend elsewhere is not.
pub(crate) fn stream_backend(rule: &str, position: usize, encrypted: bool) -> String {
    let ending = if encrypted { "/tls" } else { "" };
    format!("{rule}/backend/{position}{ending}")
}

/// Name of a part of a rule: `httproute/namespace/name/rule/2/backend/0`. `route` is what its
/// kind's names begin with, and its name.
pub(crate) fn route_part(
    (prefix, route): (&str, &NamespacedName),
    rule: usize,
    (part, position): (&str, usize),
) -> String {
    format!("{prefix}/{route}/rule/{rule}/{part}/{position}")
}

/// What a port of a Service is: `service/namespace/name/8080`. A port may have one number for
/// datagrams and for connections, with endpoints of their own.
pub(crate) fn service(service: &NamespacedName, port: u16, usage: Usage) -> String {
    match usage {
        Usage::Datagrams => format!("service/{service}/{port}/udp"),
        Usage::Http | Usage::Grpc | Usage::Terminated | Usage::Connections => {
            format!("service/{service}/{port}")
        }
    }
}

/// What a Backend is.
pub(crate) fn backend(backend: &NamespacedName) -> String {
    format!("backend/{backend}")
}

/// What an address is that stands in no object of its own: `address/api.openai.com:443`.
pub(crate) fn address(host: &ir::Host, port: u16) -> String {
    match host {
        ir::Host::Dns(name) => format!("address/{name}:{port}"),
        ir::Host::Ip(address) => format!("address/{}", SocketAddr::new(*address, port)),
    }
}

/// Name of an access log of a Gateway, or of its tracing: `namespace/gateway/accesslog_file_0_0`.
pub(crate) fn telemetry(gateway: &NamespacedName, part: &str) -> String {
    format!("{gateway}/{part}")
}

/// Id of a backend of an AI rule.
pub(crate) fn ai_backend(rule_id: &str, position: usize) -> String {
    format!("{rule_id}/{position}")
}

/// Name of the cluster of a backend of an AI rule. The proxy routes by its prefix, `ai/{rule_id}/`.
pub(crate) fn ai_cluster(rule_id: &str, position: usize) -> String {
    format!("ai/{rule_id}/{position}")
}
