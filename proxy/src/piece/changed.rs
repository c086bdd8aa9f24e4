//! Which pieces of a gateway are not as they were: the fault is among them.

use std::collections::{BTreeSet, HashMap};
use std::mem::discriminant;

use tollgate_ir::{self as ir, Shared};

use super::Piece;

/// A piece that may be at fault, and the xDS resources in which Envoy would meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) piece: Piece,
    /// The listener; `None` for what is in all of them.
    pub(crate) listener: Option<String>,
    /// The route configuration; `None` for what stands in none.
    pub(crate) routes: Option<String>,
    /// Clusters that it leads to; others may, too.
    pub(crate) clusters: BTreeSet<String>,
}

/// The pieces of `next` that are new or differ from those of `base`, in the order of `next`.
pub(crate) fn changed(base: &ir::Gateway, next: &ir::Gateway) -> Vec<Suspect> {
    let old: HashMap<&str, &ir::Listener> = by_name(&base.listeners, |listener| &listener.name);
    let mut search = Search::default();
    for listener in &next.listeners {
        match old.get(listener.name.as_str()) {
            Some(old) if *old == listener => {}
            old => search.listener(old.copied(), listener),
        }
    }
    search.telemetry(&base.telemetry, &next.telemetry);
    search.found
}

/// Whether a gateway has this piece.
pub(crate) fn has(gateway: &ir::Gateway, piece: &Piece) -> bool {
    let mut hosts = gateway
        .listeners
        .iter()
        .flat_map(ir::Listener::virtual_hosts);
    let mut host = |name: &String| hosts.find(|host| host.name == *name);
    match piece {
        Piece::Listener { name } => gateway.listeners.iter().any(|it| it.name == *name),
        Piece::Chain { name } => {
            let mut chains = gateway.listeners.iter().flat_map(chains);
            chains.any(|chain| chain.name == *name)
        }
        Piece::Host { name } => host(name).is_some(),
        Piece::Route { host: of, name } => {
            host(of).is_some_and(|host| host.routes.iter().any(|it| it.name == *name))
        }
        Piece::Rule { host: of, id } => {
            let rules = host(of).and_then(|host| host.ai.as_ref());
            rules.is_some_and(|ai| ai.rules.iter().any(|it| it.rule.id == *id))
        }
        Piece::AccessLog { name } => {
            let mut logs = gateway.telemetry.access_logs.iter();
            logs.any(|log| log.name == *name)
        }
        Piece::Tracing { name } => {
            let tracing = gateway.telemetry.tracing.as_ref();
            tracing.is_some_and(|it| it.name == *name)
        }
    }
}

#[derive(Default)]
struct Search {
    found: Vec<Suspect>,
    listener: String,
}

// === impl Search ===

impl Search {
    fn listener(&mut self, old: Option<&ir::Listener>, next: &ir::Listener) {
        self.listener.clone_from(&next.name);
        let is_same = old.is_some_and(|old| same_shell(old, next));
        if !is_same {
            let name = next.name.clone();
            let clusters = match &next.traffic {
                ir::Traffic::Tcp(route) | ir::Traffic::Udp(route) => stream_clusters(route),
                ir::Traffic::Http(_) | ir::Traffic::Tls(_) => BTreeSet::new(),
            };
            self.add(Piece::Listener { name }, None, clusters);
        }
        match &next.traffic {
            ir::Traffic::Http(http) => {
                let old = old.and_then(|old| match &old.traffic {
                    ir::Traffic::Http(http) => Some(http),
                    _ => None,
                });
                self.http(old, http);
            }
            ir::Traffic::Tls(list) => {
                let old = by_name(old.map_or([].as_slice(), chains), |chain| &chain.name);
                for chain in list {
                    self.chain(old.get(chain.name.as_str()).copied(), chain);
                }
            }
            ir::Traffic::Tcp(_) | ir::Traffic::Udp(_) => {}
        }
    }

    fn chain(&mut self, old: Option<&ir::TlsChain>, next: &ir::TlsChain) {
        let is_same = old.is_some_and(|old| same_chain_shell(old, next));
        if !is_same {
            let name = next.name.clone();
            let clusters = match &next.action {
                ir::TlsAction::Terminate { route, .. } | ir::TlsAction::Passthrough(route) => {
                    stream_clusters(route)
                }
                ir::TlsAction::Https { .. } => BTreeSet::new(),
            };
            self.add(Piece::Chain { name }, None, clusters);
        }
        if let ir::TlsAction::Https { http, .. } = &next.action {
            let old = old.and_then(|old| match &old.action {
                ir::TlsAction::Https { http, .. } => Some(http),
                _ => None,
            });
            self.http(old, http);
        }
    }

    fn http(&mut self, old: Option<&ir::HttpTraffic>, next: &ir::HttpTraffic) {
        let old = by_name(
            old.map_or([].as_slice(), |old| &old.virtual_hosts),
            |host| &host.name,
        );
        for host in &next.virtual_hosts {
            match old.get(host.name.as_str()) {
                Some(old) if *old == host => {}
                old => self.host(old.copied(), host, &next.name),
            }
        }
    }

    fn host(
        &mut self,
        old: Option<&Shared<ir::VirtualHost>>,
        next: &ir::VirtualHost,
        routes: &str,
    ) {
        if old.is_none_or(|old| old.hostname != next.hostname) {
            let name = next.name.clone();
            self.add(Piece::Host { name }, Some(routes), BTreeSet::new());
        }
        let old_rules = old.and_then(|old| old.ai.as_ref());
        let old_rules = by_name(old_rules.map_or([].as_slice(), |ai| &ai.rules), |it| {
            &it.rule.id
        });
        for rule in next.ai.iter().flat_map(|ai| &ai.rules) {
            if old_rules.get(rule.rule.id.as_str()) != Some(&rule) {
                let piece = Piece::Rule {
                    host: next.name.clone(),
                    id: rule.rule.id.clone(),
                };
                let backends = rule.rule.backends.iter();
                let clusters = backends.map(|backend| backend.cluster.clone()).collect();
                self.add(piece, Some(routes), clusters);
            }
        }
        let old_routes = by_name(old.map_or([].as_slice(), |old| &old.routes), |it| &it.name);
        for route in &next.routes {
            if old_routes.get(route.name.as_str()) != Some(&route) {
                let piece = Piece::Route {
                    host: next.name.clone(),
                    name: route.name.clone(),
                };
                self.add(piece, Some(routes), route_clusters(route));
            }
        }
    }

    fn telemetry(&mut self, old: &ir::Telemetry, next: &ir::Telemetry) {
        let old_logs = by_name(&old.access_logs, |log| &log.name);
        for log in &next.access_logs {
            if old_logs.get(log.name.as_str()) != Some(&log) {
                let name = log.name.clone();
                self.add_everywhere(Piece::AccessLog { name }, log.receiver());
            }
        }
        if let Some(tracing) = next
            .tracing
            .as_ref()
            .filter(|_| old.tracing != next.tracing)
        {
            let name = tracing.name.clone();
            self.add_everywhere(Piece::Tracing { name }, Some(&tracing.receiver));
        }
    }

    fn add_everywhere(&mut self, piece: Piece, receiver: Option<&ir::Receiver>) {
        let clusters = receiver.iter().map(|it| it.cluster.clone());
        self.found.push(Suspect {
            piece,
            listener: None,
            routes: None,
            clusters: clusters.collect(),
        });
    }

    fn add(&mut self, piece: Piece, routes: Option<&str>, clusters: BTreeSet<String>) {
        self.found.push(Suspect {
            piece,
            listener: Some(self.listener.clone()),
            routes: routes.map(str::to_string),
            clusters,
        });
    }
}

fn by_name<T>(items: &[T], name: impl Fn(&T) -> &String) -> HashMap<&str, &T> {
    items
        .iter()
        .map(|item| (name(item).as_str(), item))
        .collect()
}

fn chains(listener: &ir::Listener) -> &[ir::TlsChain] {
    match &listener.traffic {
        ir::Traffic::Tls(chains) => chains,
        ir::Traffic::Http(_) | ir::Traffic::Tcp(_) | ir::Traffic::Udp(_) => &[],
    }
}

/// Whether two listeners differ in nothing but chains and virtual hosts.
fn same_shell(old: &ir::Listener, next: &ir::Listener) -> bool {
    let ir::Listener {
        name,
        address,
        port,
        bind_port,
        traffic,
    } = next;
    let streams = match (&old.traffic, traffic) {
        (ir::Traffic::Tcp(old), ir::Traffic::Tcp(next))
        | (ir::Traffic::Udp(old), ir::Traffic::Udp(next)) => old == next,
        (old, next) => discriminant(old) == discriminant(next),
    };
    streams
        && (&old.name, old.address, old.port, old.bind_port) == (name, *address, *port, *bind_port)
}

/// Whether two chains differ in nothing but virtual hosts.
fn same_chain_shell(old: &ir::TlsChain, next: &ir::TlsChain) -> bool {
    if old.server_name != next.server_name {
        return false;
    }
    match (&old.action, &next.action) {
        (ir::TlsAction::Https { tls: old, .. }, ir::TlsAction::Https { tls: next, .. }) => {
            old == next
        }
        (old, next) => old == next,
    }
}

fn stream_clusters(route: &ir::StreamRoute) -> BTreeSet<String> {
    let names = route.destinations().map(|(name, _)| name.to_string());
    names.collect()
}

fn route_clusters(route: &ir::HttpRoute) -> BTreeSet<String> {
    let names = route.destinations().map(|(name, _)| name.to_string());
    names.collect()
}
