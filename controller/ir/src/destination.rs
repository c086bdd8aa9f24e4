//! Where requests go: addresses, and how to talk to them.

use std::net::IpAddr;

use serde::Serialize;

/// A set of equal endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Destination {
    /// Sorted. Empty: nobody is ready, which answers 503.
    pub endpoints: Vec<Endpoint>,
    /// TLS to the endpoints; `None` is plain text.
    pub tls: Option<UpstreamTls>,
    /// Protocol spoken to the endpoints.
    pub protocol: UpstreamProtocol,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Endpoint {
    /// Address or name.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Taken out of rotation but still draining.
    pub draining: bool,
}

/// Address or name of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Host {
    /// Resolved by DNS in the proxy.
    Dns(String),
    /// Used as it is.
    Ip(IpAddr),
}

/// How TLS to an endpoint is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpstreamTls {
    /// Server name that is sent and verified.
    pub sni: String,
    /// Who is trusted.
    pub ca: TrustedCa,
}

/// Certificate authorities trusted for a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum TrustedCa {
    /// Nothing is verified: the user asked for it (`insecureSkipVerify`).
    Insecure,
    /// These PEM certificates.
    Pem(String),
    /// The machine's own.
    System,
}

/// Protocol spoken to endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum UpstreamProtocol {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2, prior knowledge or ALPN.
    Http2,
}
