//! Where a provider's API begins: `https://api.openai.com/v1`.
//!
//! Parsed once, at the border; fed by `spec.endpoint` of the compact route and by
//! `--provider-url`.

use std::net::IpAddr;
use std::str::FromStr;

use tollgate_ir as ir;

use crate::names;

/// A parsed base URL without query or user information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    host: ir::Host,
    port: u16,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Why a text is no base URL. The text itself is not shown: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// The scheme is neither `http` nor `https`.
    #[error("a base URL must begin with http:// or https://")]
    Scheme,
    /// The host is empty or has characters no host has.
    #[error("{0:?} is not a host name or address")]
    Host(String),
    /// The port is not 1 to 65535.
    #[error("{0:?} is not a port from 1 to 65535")]
    Port(String),
    /// A query, a fragment or user information.
    #[error("a base URL must have no user, query or fragment")]
    Extra,
}

// === impl BaseUrl ===

impl BaseUrl {
    /// The path without a slash at either end: `v1`; empty where there is none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where requests go.
    pub fn destination(&self) -> ir::Destination {
        let tls = match self.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(ir::UpstreamTls {
                sni: match &self.host {
                    ir::Host::Dns(name) => name.clone(),
                    ir::Host::Ip(address) => address.to_string(),
                },
                ca: ir::TrustedCa::System,
                subject_alt_names: Vec::new(),
                client_certificate: None,
            }),
        };
        ir::Destination {
            name: names::address(&self.host, self.port),
            endpoints: vec![ir::Endpoint {
                host: self.host.clone(),
                port: self.port,
                draining: false,
            }],
            tls,
            protocol: ir::UpstreamProtocol::Http1,
        }
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else {
            return Err(BaseUrlError::Scheme);
        };
        if rest.contains(['?', '#', '@']) {
            return Err(BaseUrlError::Extra);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_authority(authority);
        let port = match (port, scheme) {
            (Some(port), _) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| BaseUrlError::Port(port.to_string()))?,
            (None, Scheme::Http) => 80,
            (None, Scheme::Https) => 443,
        };
        let host = parse_host(host).ok_or_else(|| BaseUrlError::Host(host.to_string()))?;
        Ok(Self {
            scheme,
            host,
            port,
            path: path.trim_matches('/').to_string(),
        })
    }
}

/// `[::1]:80` and `name:80`; the port is what follows the last colon outside brackets.
fn split_authority(authority: &str) -> (&str, Option<&str>) {
    let bracket = authority.rfind(']').map_or(0, |end| end + 1);
    match authority.get(bracket..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => {
            let (host, port) = authority.split_at(bracket + colon);
            (host, port.strip_prefix(':'))
        }
        None => (authority, None),
    }
}

/// An address (IPv6 in brackets) or a DNS name.
pub(crate) fn parse_host(text: &str) -> Option<ir::Host> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(ir::Host::Ip(address));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let valid = text.len() <= 253 && text.split('.').all(label);
    valid.then(|| ir::Host::Dns(text.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    fn check(text: &str, expect: Result<(&str, u16, &str, bool), &str>) {
        let actual = text.parse::<BaseUrl>().map(|url| {
            let destination = url.destination();
            let endpoint = destination.endpoints[0].clone();
            let host = match endpoint.host {
                tollgate_ir::Host::Dns(name) => name,
                tollgate_ir::Host::Ip(address) => address.to_string(),
            };
            (
                host,
                endpoint.port,
                url.path().to_string(),
                destination.tls.is_some(),
            )
        });
        match (actual, expect) {
            (Ok((host, port, path, tls)), Ok(expect)) => {
                assert_eq!((host.as_str(), port, path.as_str(), tls), expect, "{text}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (actual, expect) => panic!("{text}: {actual:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn a_base_url_is_split_into_host_port_path_and_tls() {
        check(
            "https://api.openai.com/v1",
            Ok(("api.openai.com", 443, "v1", true)),
        );
        check("http://127.0.0.1:9001", Ok(("127.0.0.1", 9001, "", false)));
        check("http://[::1]:9001/a/b/", Ok(("::1", 9001, "a/b", false)));
        check("http://localhost", Ok(("localhost", 80, "", false)));
    }

    #[test]
    fn a_text_that_is_no_base_url_is_refused_with_the_rule() {
        check("api.openai.com", Err("must begin with http://"));
        check("http://host:0", Err("not a port"));
        check("http://host:port", Err("not a port"));
        check("http:///v1", Err("not a host name"));
        check("https://u:p@host/v1", Err("no user"));
        check("https://host/v1?x=1", Err("query"));
    }
}
