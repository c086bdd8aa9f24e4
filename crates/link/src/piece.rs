//! The pieces of a gateway: one for each thing that changes alone.
//!
//! A piece without contents (a *head*) stands for what holds others: a port, a server name, a host.
//! Its contents are pieces of their own, which name it as their scope.

mod assemble;
mod flat;

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::net::IpAddr;
use tollgate_bundle::{Budget, Consumer};
use tollgate_ir::{
    AiRule, Bootstrap, DownstreamTls, Hostname, HttpRoute, HttpTraffic, Shared, StreamRoute,
    Telemetry,
};

use crate::ProxySettings;

pub(crate) use assemble::assemble;
pub(crate) use flat::{Flat, ListKey};

/// What a piece is. The numbers stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Kind {
    /// On the wire: one that this side does not know.
    Unknown = 0,
    /// [`ProxySettings`]
    Settings = 1,
    /// [`ListenerHead`]
    Listener = 2,
    /// [`ChainHead`], in a listener
    Chain = 3,
    /// [`HostHead`], in a listener or a chain
    Host = 4,
    /// [`HttpRoute`], in a host
    Route = 5,
    /// [`AiRule`], in a host
    Rule = 6,
    /// A namespace that has consumers, even if none is left
    Namespace = 7,
    /// [`Consumer`], in a namespace
    Consumer = 8,
    /// [`Budget`]
    Budget = 9,
    /// [`Telemetry`]
    Telemetry = 10,
    /// [`Bootstrap`]
    Bootstrap = 11,
}

/// Names a piece: unique in a gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key<'a> {
    pub(crate) kind: Kind,
    /// Name of what it stands in; empty for what stands in the gateway itself.
    pub(crate) scope: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
}

/// The content of a piece. Of hosts, routes and rules there are thousands: what is larger and rarer is
/// boxed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece<'a> {
    Settings(Box<Cow<'a, ProxySettings>>),
    Listener(Box<ListenerHead<'a>>),
    Chain(Box<ChainHead<'a>>),
    Host(HostHead<'a>),
    Route(Cow<'a, Shared<HttpRoute>>),
    Rule(Cow<'a, Shared<AiRule>>),
    Namespace,
    Consumer(Box<Cow<'a, Consumer>>),
    Budget(Box<Cow<'a, Budget>>),
    Telemetry(Box<Cow<'a, Telemetry>>),
    Bootstrap(Box<Cow<'a, Bootstrap>>),
}

/// A `tollgate_ir::Listener` without what is served there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ListenerHead<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) bind_port: u16,
    pub(crate) traffic: TrafficHead<'a>,
}

/// A `tollgate_ir::Traffic`: hosts and chains are pieces of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum TrafficHead<'a> {
    Http(HttpHead<'a>),
    Tls,
    Tcp(Cow<'a, StreamRoute>),
    Udp(Cow<'a, StreamRoute>),
}

/// A `tollgate_ir::HttpTraffic` without its hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HttpHead<'a> {
    pub(crate) name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) misdirected: Cow<'a, [Hostname]>,
}

/// A `tollgate_ir::TlsChain` without its hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChainHead<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) server_name: Cow<'a, Hostname>,
    pub(crate) action: ActionHead<'a>,
}

/// A `tollgate_ir::TlsAction` without its hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ActionHead<'a> {
    Https {
        tls: Cow<'a, DownstreamTls>,
        http: HttpHead<'a>,
    },
    Terminate {
        tls: Cow<'a, DownstreamTls>,
        route: Cow<'a, StreamRoute>,
    },
    Passthrough(Cow<'a, StreamRoute>),
}

/// A `tollgate_ir::VirtualHost` without its routes and rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostHead<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) hostname: Cow<'a, Hostname>,
    pub(crate) ai: AiTraffic,
}

/// Whether a host has LLM traffic, even if no rule is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AiTraffic {
    Absent,
    Present,
}

// === impl Piece ===

impl Piece<'_> {
    /// Whether both have one content; those that are shared are not looked into.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(own), Self::Host(other)) => {
                own.ai == other.ai
                    && is_same_text(&own.name, &other.name)
                    && (std::ptr::eq(&*own.hostname, &*other.hostname)
                        || own.hostname == other.hostname)
            }
            (own, other) => own == other,
        }
    }

    /// As it is written on the wire, secrets included.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        tollgate_secret::exposed(|| match self {
            Self::Settings(it) => serde_json::to_vec(it),
            Self::Listener(it) => serde_json::to_vec(it),
            Self::Chain(it) => serde_json::to_vec(it),
            Self::Host(it) => serde_json::to_vec(it),
            Self::Route(it) => serde_json::to_vec(it),
            Self::Rule(it) => serde_json::to_vec(it),
            Self::Namespace => Ok(b"null".to_vec()),
            Self::Consumer(it) => serde_json::to_vec(it),
            Self::Budget(it) => serde_json::to_vec(it),
            Self::Telemetry(it) => serde_json::to_vec(it),
            Self::Bootstrap(it) => serde_json::to_vec(it),
        })
    }

    /// Reads what [`Piece::to_json`] writes. `None`: a kind that this side does not know.
    pub(crate) fn parse(kind: Kind, json: &[u8]) -> serde_json::Result<Option<Self>> {
        let piece = match kind {
            Kind::Unknown => return Ok(None),
            Kind::Settings => Self::Settings(owned(json)?),
            Kind::Listener => Self::Listener(Box::new(serde_json::from_slice(json)?)),
            Kind::Chain => Self::Chain(Box::new(serde_json::from_slice(json)?)),
            Kind::Host => Self::Host(serde_json::from_slice(json)?),
            Kind::Route => Self::Route(Cow::Owned(serde_json::from_slice(json)?)),
            Kind::Rule => Self::Rule(Cow::Owned(serde_json::from_slice(json)?)),
            Kind::Namespace => Self::Namespace,
            Kind::Consumer => Self::Consumer(owned(json)?),
            Kind::Budget => Self::Budget(owned(json)?),
            Kind::Telemetry => Self::Telemetry(owned(json)?),
            Kind::Bootstrap => Self::Bootstrap(owned(json)?),
        };
        Ok(Some(piece))
    }
}

fn owned<T: Clone + DeserializeOwned>(json: &[u8]) -> serde_json::Result<Box<Cow<'static, T>>> {
    Ok(Box::new(Cow::Owned(serde_json::from_slice(json)?)))
}

// === impl Key ===

impl Key<'_> {
    /// As `==`, and quick where both are parts of one gateway.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && is_same_text(&self.name, &other.name)
            && is_same_text(&self.scope, &other.scope)
    }

    /// What no other piece of a gateway may have in common with this one: contents refer to what
    /// holds them by its name alone.
    pub(crate) fn unique_name(&self) -> (Kind, &str, &str) {
        match self.kind {
            Kind::Listener | Kind::Chain => (Kind::Listener, "", &self.name),
            Kind::Host => (Kind::Host, "", &self.name),
            kind => (kind, &self.scope, &self.name),
        }
    }
}

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, scope, name } = self;
        if scope.is_empty() {
            return write!(f, "{kind:?} {name:?}");
        }
        write!(f, "{kind:?} {name:?} in {scope:?}")
    }
}

// === impl HttpHead ===

impl<'a> From<&'a HttpTraffic> for HttpHead<'a> {
    fn from(traffic: &'a HttpTraffic) -> Self {
        let HttpTraffic {
            name,
            virtual_hosts: _,
            misdirected,
        } = traffic;
        Self {
            name: Cow::Borrowed(name),
            misdirected: Cow::Borrowed(misdirected),
        }
    }
}

fn is_same_text(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}

fn is_empty(hostnames: &[Hostname]) -> bool {
    hostnames.is_empty()
}
