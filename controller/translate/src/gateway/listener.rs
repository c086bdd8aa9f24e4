//! One listener of a Gateway, as it is written.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir::Hostname;

use super::{AllowedRoutes, ListenerDraft};
use crate::status::{Problem, RouteKind, reason};
use crate::{NamespacedName, groups, k8s};

/// Why a listener serves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It collides with another listener of its Gateway.
    Conflict(Problem),
    /// What is written cannot be served.
    Invalid(Problem),
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn problem(&self) -> &Problem {
        match self {
            Self::Conflict(problem) | Self::Invalid(problem) => problem,
        }
    }
}

pub(super) fn draft(listener: &k8s::GatewayListeners, gateway: &NamespacedName) -> ListenerDraft {
    let k8s::GatewayListeners {
        allowed_routes,
        hostname,
        name,
        port,
        protocol,
        tls: _,
    } = listener;
    let (supported_kinds, invalid_kinds) = match Protocol::parse(protocol) {
        Protocol::Http => kinds(allowed_routes.as_ref()),
        _ => (Vec::new(), Vec::new()),
    };
    let valid_port = u16::try_from(*port).ok().filter(|port| *port != 0);
    let refusal = if valid_port.is_none() {
        Some(Problem::new(
            reason::INVALID,
            format!("listener {name}: port {port} is not a port from 1 to 65535"),
        ))
    } else {
        unsupported_protocol(name, protocol)
    };
    ListenerDraft {
        name: name.clone(),
        port: valid_port.unwrap_or_default(),
        hostname: Hostname::parse(hostname.as_deref()),
        allowed: AllowedRoutes::new(allowed_routes.as_ref(), &gateway.namespace),
        supported_kinds,
        invalid_kinds,
        refusal: refusal.map(Refusal::Invalid),
        protocol: Protocol::parse(protocol),
        attached: BTreeSet::new(),
        hosts: BTreeMap::new(),
    }
}

/// Protocols as far as sharing a port goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTPS and TLS, which share a port by server name.
    Tls,
    /// Plain TCP.
    Tcp,
    /// UDP, whose ports are others than TCP's.
    Udp,
    /// Something else.
    Unknown,
}

// === impl Protocol ===

impl Protocol {
    fn parse(text: &str) -> Self {
        match text {
            "HTTP" => Self::Http,
            "HTTPS" | "TLS" => Self::Tls,
            "TCP" => Self::Tcp,
            "UDP" => Self::Udp,
            _ => Self::Unknown,
        }
    }
}

fn unsupported_protocol(name: &str, protocol: &str) -> Option<Problem> {
    let rule = match Protocol::parse(protocol) {
        Protocol::Http => return None,
        Protocol::Tls | Protocol::Tcp | Protocol::Udp => {
            "arrives with a later release; this one serves HTTP"
        }
        Protocol::Unknown => "is not known; this release serves HTTP",
    };
    Some(Problem::new(
        reason::UNSUPPORTED_PROTOCOL,
        format!("listener {name}: protocol {protocol} {rule}"),
    ))
}

/// Kinds that a listener takes unless it says otherwise.
pub(super) fn default_kinds() -> Vec<RouteKind> {
    vec![kind(groups::GATEWAY_API, "HTTPRoute")]
}

fn kind(group: &str, kind: &str) -> RouteKind {
    RouteKind {
        group: group.to_string(),
        kind: kind.to_string(),
    }
}

/// The kinds a listener takes, and the names of those it was asked to take and cannot.
fn kinds(allowed: Option<&k8s::GatewayListenersAllowedRoutes>) -> (Vec<RouteKind>, Vec<String>) {
    let named = allowed.and_then(|allowed| allowed.kinds.as_ref());
    let Some(named) = named.filter(|kinds| !kinds.is_empty()) else {
        return (default_kinds(), Vec::new());
    };
    let known = [
        kind(groups::GATEWAY_API, "HTTPRoute"),
        kind(groups::ENVOY_GATEWAY, "AIGatewayRoute"),
        kind(groups::ENVOY_AI_GATEWAY, "AIGatewayRoute"),
    ];
    let mut supported = Vec::new();
    let mut invalid = Vec::new();
    for entry in named {
        let entry = kind(
            entry.group.as_deref().unwrap_or(groups::GATEWAY_API),
            &entry.kind,
        );
        if known.contains(&entry) {
            supported.push(entry);
        } else {
            invalid.push(format!("{}/{}", entry.group, entry.kind));
        }
    }
    (supported, invalid)
}
