//! A port of a Gateway, and what is served there.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{AiScope, DownstreamTls, HttpRoute, RateLimits, Shared, StreamRoute};

/// One port of a Gateway; TCP and UDP ports of one number are two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// `namespace/gateway/port`, with `/udp` behind it for UDP: unique in the IR, the name of the
    /// xDS listener.
    pub name: String,
    /// Address to bind.
    pub address: IpAddr,
    /// Port that clients use.
    pub port: u16,
    /// Port that the proxy binds: another one where it has no right to `port`.
    pub bind_port: u16,
    /// What is served.
    pub traffic: Traffic,
}

/// What a port serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Traffic {
    /// HTTP without TLS.
    Http(HttpTraffic),
    /// By the server name of the TLS handshake; sorted, most specific first, one entry for each
    /// server name. A handshake with no such name is closed.
    Tls(Vec<TlsChain>),
    /// Connections, as they are.
    Tcp(StreamRoute),
    /// Datagrams; a session is a client's address and port.
    Udp(StreamRoute),
}

/// HTTP on a port, or behind one server name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpTraffic {
    /// Name of the route configuration: unique in the IR.
    pub name: String,
    /// Sorted by host name, most specific first; one entry for each host name.
    pub virtual_hosts: Vec<Shared<VirtualHost>>,
    /// Host names that other listeners of this port serve, so that a request for one has come
    /// over the wrong connection (421, RFC 9110 section 15.5.20). Sorted; none of them is in
    /// `virtual_hosts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misdirected: Vec<Hostname>,
}

/// What is done with the connections for one server name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TlsChain {
    /// `listener-name/hostname`: unique in the IR.
    pub name: String,
    /// Server name that selects it; `Any` also takes handshakes without one.
    pub server_name: Hostname,
    /// What is done.
    pub action: TlsAction,
}

/// What is done with a TLS connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TlsAction {
    /// Ended here; HTTP inside.
    Https {
        /// How it is ended.
        tls: DownstreamTls,
        /// What is served.
        http: HttpTraffic,
    },
    /// Ended here; the bytes inside go on.
    Terminate {
        /// How it is ended.
        tls: DownstreamTls,
        /// Where they go.
        route: StreamRoute,
    },
    /// Goes on as it is.
    Passthrough(StreamRoute),
}

/// One host name (or wildcard) and what is served there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualHost {
    /// `route-configuration-name/hostname`: unique in the IR.
    pub name: String,
    /// Host names that select it.
    pub hostname: Hostname,
    /// In order of precedence (Gateway API, HTTPRouteRule): the first that matches wins.
    pub routes: Vec<Shared<HttpRoute>>,
    /// LLM traffic on this host. Its paths are tried before `routes`.
    pub ai: Option<AiScope>,
}

/// A host name of Gateway API: exact, `*.` wildcard (one or more labels), or any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Hostname {
    /// `api.example.com`
    Exact(String),
    /// `*.example.com`, stored without the `*`: `.example.com`
    Suffix(String),
    /// `*`
    Any,
}

// === impl Listener ===

impl Listener {
    /// All HTTP traffic of this port: one, or one for each server name.
    pub fn http(&self) -> impl Iterator<Item = &HttpTraffic> {
        let (plain, chains) = match &self.traffic {
            Traffic::Http(http) => (Some(http), [].as_slice()),
            Traffic::Tls(chains) => (None, chains.as_slice()),
            Traffic::Tcp(_) | Traffic::Udp(_) => (None, [].as_slice()),
        };
        plain
            .into_iter()
            .chain(chains.iter().filter_map(TlsChain::http))
    }

    /// The same, to change it.
    pub fn http_mut(&mut self) -> impl Iterator<Item = &mut HttpTraffic> {
        let (plain, chains) = match &mut self.traffic {
            Traffic::Http(http) => (Some(http), [].as_mut_slice()),
            Traffic::Tls(chains) => (None, chains.as_mut_slice()),
            Traffic::Tcp(_) | Traffic::Udp(_) => (None, [].as_mut_slice()),
        };
        plain
            .into_iter()
            .chain(chains.iter_mut().filter_map(TlsChain::http_mut))
    }

    /// All routes below HTTP of this port.
    pub fn streams(&self) -> impl Iterator<Item = &StreamRoute> {
        let (own, chains) = match &self.traffic {
            Traffic::Tcp(route) | Traffic::Udp(route) => (Some(route), [].as_slice()),
            Traffic::Tls(chains) => (None, chains.as_slice()),
            Traffic::Http(_) => (None, [].as_slice()),
        };
        own.into_iter()
            .chain(chains.iter().filter_map(TlsChain::stream))
    }

    /// The same, to change them.
    pub fn streams_mut(&mut self) -> impl Iterator<Item = &mut StreamRoute> {
        let (own, chains) = match &mut self.traffic {
            Traffic::Tcp(route) | Traffic::Udp(route) => (Some(route), [].as_mut_slice()),
            Traffic::Tls(chains) => (None, chains.as_mut_slice()),
            Traffic::Http(_) => (None, [].as_mut_slice()),
        };
        own.into_iter()
            .chain(chains.iter_mut().filter_map(TlsChain::stream_mut))
    }

    /// Moves it to another port, for clients and for the proxy.
    pub fn set_port(&mut self, port: u16) {
        self.port = port;
        self.bind_port = port;
    }

    /// All host names of this port with what is served there.
    pub fn virtual_hosts(&self) -> impl Iterator<Item = &Shared<VirtualHost>> {
        self.http().flat_map(|http| &http.virtual_hosts)
    }
}

// === impl TlsChain ===

impl TlsChain {
    fn http(&self) -> Option<&HttpTraffic> {
        match &self.action {
            TlsAction::Https { http, .. } => Some(http),
            TlsAction::Terminate { .. } | TlsAction::Passthrough(_) => None,
        }
    }

    fn stream(&self) -> Option<&StreamRoute> {
        match &self.action {
            TlsAction::Terminate { route, .. } | TlsAction::Passthrough(route) => Some(route),
            TlsAction::Https { .. } => None,
        }
    }

    fn stream_mut(&mut self) -> Option<&mut StreamRoute> {
        match &mut self.action {
            TlsAction::Terminate { route, .. } | TlsAction::Passthrough(route) => Some(route),
            TlsAction::Https { .. } => None,
        }
    }

    fn http_mut(&mut self) -> Option<&mut HttpTraffic> {
        match &mut self.action {
            TlsAction::Https { http, .. } => Some(http),
            TlsAction::Terminate { .. } | TlsAction::Passthrough(_) => None,
        }
    }
}

// === impl VirtualHost ===

impl VirtualHost {
    /// The rate limits of its routes and AI rules.
    pub fn rate_limits(&self) -> impl Iterator<Item = &RateLimits> {
        let rules = self.ai.iter().flat_map(|ai| &ai.rules);
        let routes = self.routes.iter().filter_map(|it| it.rate_limits.as_ref());
        routes.chain(rules.filter_map(|it| it.rate_limits.as_ref()))
    }
}

// === impl Hostname ===

impl Hostname {
    /// Parses a Gateway API hostname; `None` and `*` are any host.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            None | Some("" | "*") => Self::Any,
            Some(text) => match text.strip_prefix('*') {
                Some(suffix) => Self::Suffix(suffix.to_ascii_lowercase()),
                None => Self::Exact(text.to_ascii_lowercase()),
            },
        }
    }

    /// As it is written in Envoy's domains and in Gateway API: `*`, `*.example.com`, `a.b`.
    pub fn domain(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Suffix(suffix) => format!("*{suffix}"),
            Self::Any => "*".to_string(),
        }
    }
}
