//! Protocols of listeners: which kinds of routes they take, and which of them share a port.

use crate::groups;
use crate::status::RouteKind;

/// Protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTP inside TLS.
    Https,
    /// TLS with something else inside.
    Tls,
    /// Plain TCP.
    Tcp,
    /// UDP, whose ports are others than TCP's.
    Udp,
    /// Something else.
    Unknown,
}

/// What tells the listeners of one port apart; those of one family may share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// By the host name of a request.
    Http,
    /// By the server name of a handshake.
    Tls,
    /// Nothing.
    Stream,
}

/// What listeners bind: TCP and UDP ports of one number are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Socket {
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// What a port is a port of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

// === impl Protocol ===

impl Protocol {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "HTTP" => Self::Http,
            "HTTPS" => Self::Https,
            "TLS" => Self::Tls,
            "TCP" => Self::Tcp,
            "UDP" => Self::Udp,
            _ => Self::Unknown,
        }
    }

    pub(crate) const fn family(self) -> Family {
        match self {
            Self::Http => Family::Http,
            Self::Https | Self::Tls => Family::Tls,
            Self::Tcp | Self::Udp | Self::Unknown => Family::Stream,
        }
    }

    pub(crate) const fn socket(self, port: u16) -> Socket {
        let transport = match self {
            Self::Udp => Transport::Udp,
            _ => Transport::Tcp,
        };
        Socket { port, transport }
    }

    /// Kinds of routes that a listener takes unless it says otherwise. `terminates` is whether it
    /// ends TLS: what is inside is then a connection like any other.
    pub(crate) fn default_kinds(self, terminates: bool) -> Vec<RouteKind> {
        let kinds: &[&str] = match (self, terminates) {
            (Self::Http | Self::Https, _) => &["HTTPRoute", "GRPCRoute"],
            (Self::Tls, true) => &["TLSRoute", "TCPRoute"],
            (Self::Tls, false) => &["TLSRoute"],
            (Self::Tcp, _) => &["TCPRoute"],
            (Self::Udp, _) => &["UDPRoute"],
            (Self::Unknown, _) => &[],
        };
        kinds
            .iter()
            .map(|kind| RouteKind {
                group: groups::GATEWAY_API.to_string(),
                kind: (*kind).to_string(),
            })
            .collect()
    }

    /// Kinds that a listener takes only if it is asked to, and never lists by itself.
    pub(crate) fn further_kinds(self) -> Vec<RouteKind> {
        match self {
            Self::Http | Self::Https => [groups::ENVOY_GATEWAY, groups::ENVOY_AI_GATEWAY]
                .map(|group| RouteKind {
                    group: group.to_string(),
                    kind: "AIGatewayRoute".to_string(),
                })
                .to_vec(),
            Self::Tls | Self::Tcp | Self::Udp | Self::Unknown => Vec::new(),
        }
    }
}
