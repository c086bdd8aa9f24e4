//! From drafts with routes on them to the IR: listeners of one port become one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use tollgate_ir::{self as ir, Hostname};

use super::{GatewayDraft, HostDraft, ListenerDraft};
use crate::sort::hostname_order;
use crate::{Options, names};

/// The listeners of a Gateway.
pub(crate) fn assemble(draft: GatewayDraft, options: &Options) -> Vec<ir::Listener> {
    let mut ports: BTreeMap<u16, Vec<ListenerDraft>> = BTreeMap::new();
    for listener in draft.listeners {
        if listener.refusal.is_none() {
            ports.entry(listener.port).or_default().push(listener);
        }
    }
    let address = options
        .standalone()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |standalone| {
            standalone.bind
        });
    ports
        .into_iter()
        .map(|(port, listeners)| {
            let name = names::listener(&draft.name, port);
            ir::Listener {
                traffic: ir::Traffic::Http(ir::HttpTraffic {
                    name: name.clone(),
                    virtual_hosts: virtual_hosts(&name, listeners),
                    misdirected: Vec::new(),
                }),
                name,
                address,
                port,
                bind_port: options.bind_port(port),
            }
        })
        .collect()
}

fn virtual_hosts(listener_name: &str, listeners: Vec<ListenerDraft>) -> Vec<ir::VirtualHost> {
    let mut hosts: BTreeMap<Hostname, HostDraft> = BTreeMap::new();
    let several = listeners.len() > 1;
    for listener in listeners {
        // A listener without routes still claims its host name: its requests must not fall to
        // the routes of a less specific listener (Gateway API, listener isolation).
        if several && listener.hostname != Hostname::Any {
            hosts.entry(listener.hostname).or_default();
        }
        for (hostname, content) in listener.hosts {
            let host = hosts.entry(hostname).or_default();
            host.routes.extend(content.routes);
            if let Some(rules) = content.ai {
                host.ai.get_or_insert_default().extend(rules);
            }
        }
    }
    let mut hosts: Vec<ir::VirtualHost> = hosts
        .into_iter()
        .map(|(hostname, draft)| ir::VirtualHost {
            name: names::virtual_host(listener_name, &hostname.domain()),
            hostname,
            routes: ordered_routes(draft.routes),
            ai: draft.ai.map(ordered_rules),
        })
        .collect();
    hosts.sort_by(|a, b| hostname_order(&a.hostname, &b.hostname));
    hosts
}

/// By precedence; equal ones stay in the order of their routes' age. A route that reaches a host
/// through two parents is there once.
fn ordered_routes<K: Ord>(mut routes: Vec<(K, ir::HttpRoute)>) -> Vec<ir::HttpRoute> {
    routes.sort_by(|(a, _), (b, _)| b.cmp(a));
    let mut seen = BTreeSet::new();
    routes
        .into_iter()
        .map(|(_, route)| route)
        .filter(|route| seen.insert(route.name.clone()))
        .collect()
}

fn ordered_rules<K: Ord>(mut rules: Vec<(K, ir::AiRule)>) -> ir::AiScope {
    rules.sort_by(|(a, _), (b, _)| b.cmp(a));
    let mut seen = BTreeSet::new();
    ir::AiScope {
        rules: rules
            .into_iter()
            .map(|(_, rule)| rule)
            .filter(|rule| seen.insert(rule.rule.id.clone()))
            .collect(),
    }
}
