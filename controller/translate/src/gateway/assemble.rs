//! From drafts with routes on them to the IR: listeners of one port become one.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use tollgate_ir::{self as ir, Hostname, Shared};

use super::protocol::{Family, Transport};
use super::{GatewayDraft, HostDraft, ListenerDraft, Protocol, Socket, backend_tls, secure};
use crate::sort::hostname_order;
use crate::{Options, names};

/// The listeners of a Gateway.
pub(crate) fn assemble(draft: GatewayDraft, options: &Options) -> Vec<ir::Listener> {
    let mut ports: BTreeMap<Socket, Vec<ListenerDraft>> = BTreeMap::new();
    for listener in draft.listeners {
        if listener.claims() {
            ports.entry(listener.socket()).or_default().push(listener);
        }
    }
    let address = options
        .standalone()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |standalone| {
            standalone.bind
        });
    let mut listeners = Vec::new();
    for (Socket { port, transport }, drafts) in ports {
        if !drafts.iter().any(ListenerDraft::is_served) {
            continue;
        }
        let name = match transport {
            Transport::Tcp => names::listener(&draft.name, port),
            Transport::Udp => names::udp_listener(&draft.name, port),
        };
        listeners.push(ir::Listener {
            traffic: traffic(&name, drafts),
            name,
            address,
            port,
            bind_port: options.bind_port(port),
        });
    }
    if let Some(certificate) = &draft.backend_certificate {
        backend_tls::show(&mut listeners, certificate);
    }
    listeners
}

/// What the listeners of a port serve together: all of one family, by the rules of conflicts.
fn traffic(name: &str, mut listeners: Vec<ListenerDraft>) -> ir::Traffic {
    let first = listeners.first().map(|listener| listener.protocol);
    match first.map(Protocol::family) {
        Some(Family::Tls) => ir::Traffic::Tls(secure::chains(name, listeners)),
        Some(Family::Stream) => {
            let streams = listeners.pop().map(|listener| listener.streams);
            let stream = streams.and_then(|streams| streams.into_values().next());
            let route = stream.map_or_else(
                || ir::StreamRoute {
                    name: names::no_route(name),
                    backends: Vec::new(),
                },
                |stream| stream.route,
            );
            match first {
                Some(Protocol::Udp) => ir::Traffic::Udp(route),
                _ => ir::Traffic::Tcp(route),
            }
        }
        Some(Family::Http) | None => ir::Traffic::Http(ir::HttpTraffic {
            name: name.to_string(),
            virtual_hosts: virtual_hosts(name, merge(listeners)),
            misdirected: Vec::new(),
        }),
    }
}

/// The hosts of all listeners of a port.
fn merge(mut listeners: Vec<ListenerDraft>) -> BTreeMap<Hostname, HostDraft> {
    if let [only] = listeners.as_mut_slice() {
        return std::mem::take(&mut only.hosts);
    }
    let mut hosts: BTreeMap<Hostname, HostDraft> = BTreeMap::new();
    for listener in listeners {
        // A listener without routes still claims its host name: its requests must not fall to
        // the routes of a less specific listener (Gateway API, listener isolation).
        if listener.hostname != Hostname::Any {
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
    hosts
}

/// Virtual hosts of a route configuration, most specific first.
pub(super) fn virtual_hosts(
    route_configuration: &str,
    hosts: BTreeMap<Hostname, HostDraft>,
) -> Vec<Shared<ir::VirtualHost>> {
    let mut hosts: Vec<Shared<ir::VirtualHost>> = hosts
        .into_iter()
        .map(|(hostname, draft)| {
            Shared::new(ir::VirtualHost {
                name: names::virtual_host(route_configuration, &hostname.domain()),
                hostname,
                routes: ordered(draft.routes, |route| &route.name),
                ai: draft.ai.map(|rules| ir::AiScope {
                    rules: ordered(rules, |rule| &rule.rule.id),
                }),
            })
        })
        .collect();
    hosts.sort_by(|a, b| hostname_order(&a.hostname, &b.hostname));
    hosts
}

/// By precedence; equal ones stay in the order of their routes' age. A route that reaches a host
/// through two parents is there once.
fn ordered<K: Ord, T>(
    mut items: Vec<(K, Shared<T>)>,
    name: impl Fn(&T) -> &String,
) -> Vec<Shared<T>> {
    if items.len() > 1 {
        items = once_each(items, name);
    }
    items.into_iter().map(|(_, item)| item).collect()
}

fn once_each<K: Ord, T>(
    mut items: Vec<(K, Shared<T>)>,
    name: impl Fn(&T) -> &String,
) -> Vec<(K, Shared<T>)> {
    items.sort_by(|(a, _), (b, _)| b.cmp(a));
    let mut seen = HashSet::with_capacity(items.len());
    let first: Vec<bool> = items
        .iter()
        .map(|(_, item)| seen.insert(name(item).as_str()))
        .collect();
    drop(seen);
    let items = items.into_iter().zip(first);
    let first = items.filter(|(_, first)| *first);
    first.map(|(item, _)| item).collect()
}
