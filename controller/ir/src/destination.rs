//! Where requests go: addresses, and how to talk to them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Certificate;

/// A set of equal endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// What it is, for people: `service/namespace/name/8080`. What leads to equal names in a
    /// gateway and is spoken to in the same way shares a cluster, so that equal names must have
    /// equal endpoints. Empty: nothing is shared with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Sorted. Empty: nobody is ready, which answers 503.
    pub endpoints: Vec<Endpoint>,
    /// TLS to the endpoints; `None` is plain text.
    pub tls: Option<UpstreamTls>,
    /// Protocol spoken to the endpoints.
    pub protocol: UpstreamProtocol,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address or name.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Taken out of rotation but still draining.
    pub draining: bool,
}

/// Address or name of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Host {
    /// Resolved by DNS in the proxy.
    Dns(String),
    /// Used as it is.
    Ip(IpAddr),
}

/// How TLS to an endpoint is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamTls {
    /// Server name that is sent and verified.
    pub sni: String,
    /// Who is trusted.
    pub ca: TrustedCa,
    /// Names of which the server's certificate must have one; empty asks for `sni`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<SubjectAltName>,
    /// What is shown to a server that asks for a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<Certificate>,
}

/// A name in a certificate (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubjectAltName {
    /// A host name; a leading `*.` stands for one label.
    Dns(String),
    /// A URI, such as a SPIFFE id.
    Uri(String),
}

/// Certificate authorities trusted for a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrustedCa {
    /// Nothing is verified: the user asked for it (`insecureSkipVerify`).
    Insecure,
    /// These PEM certificates.
    Pem(String),
    /// The machine's own.
    System,
}

/// Protocol spoken to endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpstreamProtocol {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2, prior knowledge or ALPN.
    Http2,
}
