//! A port, and the host names served on it.

use std::net::IpAddr;

use serde::Serialize;

use crate::{AiScope, HttpRoute, RateLimits};

/// One HTTP port of a Gateway.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listener {
    /// `namespace/gateway/port`: unique in the IR, the name of the xDS listener and of its route
    /// configuration.
    pub name: String,
    /// Address to bind.
    pub address: IpAddr,
    /// Port to bind.
    pub port: u16,
    /// Sorted by host name, most specific first; one entry for each host name.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// One host name (or wildcard) and what is served there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VirtualHost {
    /// `listener-name/hostname`: unique in the IR.
    pub name: String,
    /// Host names that select it.
    pub hostname: Hostname,
    /// In order of precedence (Gateway API, HTTPRouteRule): the first that matches wins.
    pub routes: Vec<HttpRoute>,
    /// LLM traffic on this host. Its paths are tried before `routes`.
    pub ai: Option<AiScope>,
}

/// A host name of Gateway API: exact, `*.` wildcard (one or more labels), or any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Hostname {
    /// `api.example.com`
    Exact(String),
    /// `*.example.com`, stored without the `*`: `.example.com`
    Suffix(String),
    /// `*`
    Any,
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
