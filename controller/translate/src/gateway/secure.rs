//! A port with TLS: what becomes of a connection, by its server name.
//!
//! Each HTTPS listener serves its own host names and nobody else's. Requests for those of other
//! listeners came over the wrong connection and are told so (421); handshakes for a listener that
//! has no certificate are closed, and do not fall to a less specific one.

mod neighbours;

use std::collections::BTreeMap;

use tollgate_ir::{self as ir, Hostname};

use neighbours::Neighbours;

use super::assemble::virtual_hosts;
use super::{ListenerDraft, Protocol, TlsEnd};
use crate::names;
use crate::sort::hostname_order;

/// The chains of a port, most specific first.
pub(super) fn chains(port: &str, listeners: Vec<ListenerDraft>) -> Vec<ir::TlsChain> {
    let neighbours = Neighbours::new(listeners.iter().map(|it| &it.hostname));
    let mut actions: BTreeMap<Hostname, ir::TlsAction> = BTreeMap::new();
    for listener in listeners {
        let own = listener.hostname.clone();
        let name = names::tls_chain(port, &own.domain());
        match (listener.is_served(), listener.protocol, &listener.tls) {
            (true, Protocol::Https, Some(TlsEnd::Terminate(tls))) => {
                let tls = tls.clone();
                let http = https(name, listener, &neighbours);
                let action = ir::TlsAction::Https { tls, http };
                actions.entry(own).or_insert(action);
            }
            (true, Protocol::Tls, Some(end)) => {
                let end = end.clone();
                for (hostname, stream) in listener.streams {
                    let action = end.action(stream.route);
                    actions.entry(hostname).or_insert(action);
                }
                let nobody = || end.action(nobody(&name));
                actions.entry(own).or_insert_with(nobody);
            }
            _ => {
                let closed = ir::TlsAction::Passthrough(nobody(&name));
                actions.entry(own).or_insert(closed);
            }
        }
    }
    let mut chains: Vec<ir::TlsChain> = actions
        .into_iter()
        .map(|(server_name, action)| ir::TlsChain {
            name: names::tls_chain(port, &server_name.domain()),
            server_name,
            action,
        })
        .collect();
    chains.sort_by(|a, b| hostname_order(&a.server_name, &b.server_name));
    chains
}

/// HTTP of one listener among those of its port.
fn https(name: String, listener: ListenerDraft, neighbours: &Neighbours) -> ir::HttpTraffic {
    let own = listener.hostname;
    let mut hosts = listener.hosts;
    // Its own hosts that no route serves are not found, and not misdirected to whoever serves
    // the rest of the world.
    if neighbours.cover(&own) {
        hosts.entry(own.clone()).or_default();
    }
    ir::HttpTraffic {
        virtual_hosts: virtual_hosts(&name, hosts),
        misdirected: neighbours.of(&own),
        name,
    }
}

/// Closes every connection.
fn nobody(name: &str) -> ir::StreamRoute {
    ir::StreamRoute {
        name: names::no_route(name),
        backends: Vec::new(),
    }
}

// === impl TlsEnd ===

impl TlsEnd {
    fn action(&self, route: ir::StreamRoute) -> ir::TlsAction {
        match self {
            Self::Terminate(tls) => ir::TlsAction::Terminate {
                tls: tls.clone(),
                route,
            },
            Self::Passthrough => ir::TlsAction::Passthrough(route),
        }
    }
}
