//! Renders one gateway's IR as Envoy resources: pure, total and deterministic. Fed by
//! `translate`, read by `snapshot`.
//!
//! No protobuf map in a resource has more than one entry but those of `value::filter_configs`:
//! prost encodes maps in random order, and the version of a resource is a hash of its encoding.

mod ai_cluster;
mod ai_route;
mod ai_upstream;
mod cluster;
mod cors;
mod downstream_tls;
mod endpoint;
mod engine;
mod ext_proc;
mod external_auth;
mod header_filter;
mod http_manager;
mod http_match;
mod http_route;
mod last;
mod listener;
mod local_reply;
mod mirror;
mod module;
mod names;
mod own_service;
mod rate_limit;
mod redirect;
mod retry;
mod rewrite;
mod secret;
mod session;
mod stream_route;
mod tcp_proxy;
mod telemetry;
mod udp_proxy;
mod upstream_tls;
mod value;
mod virtual_host;

use std::path::PathBuf;
use std::sync::Arc;

use tollgate_ir as ir;

use crate::Resources;
use last::Last;
use telemetry::Telemetry;

/// What the resources need to know about the machine they are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// Where the engine runs.
    pub engine: EngineHost,
    /// Unix socket of our rate limit service.
    pub ratelimit_socket: PathBuf,
    /// Largest body on AI routes, of a request (more answers 413) and of an answer that is not
    /// streamed (more answers 500): the engine needs both whole, so Envoy holds them in memory.
    pub body_bytes_max: u64,
    /// PEM file of the authorities that the machine trusts.
    pub system_ca_path: PathBuf,
}

/// Where the engine runs, and how Envoy reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineHost {
    /// In a process of its own, behind an ext_proc service.
    ExtProc(ExtProc),
    /// In Envoy's, as a dynamic module.
    InEnvoy(InEnvoy),
}

/// The ext_proc service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtProc {
    /// Its Unix socket.
    pub socket: PathBuf,
    /// How long Envoy waits for one answer, in milliseconds. A budget that waits for its store
    /// needs more than Envoy's own 200 ms.
    pub message_timeout_ms: u64,
}

/// The dynamic module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InEnvoy {
    /// Unix socket of the process that has the ledger.
    pub uplink: PathBuf,
    /// How often live holds are renewed, in milliseconds.
    pub renew_every_ms: u64,
}

/// Renders a gateway.
pub fn build(gateway: &ir::Gateway, options: &BuildOptions) -> Resources {
    assemble(gateway, options, &Last::default())
}

/// Renders a gateway as [`build`] does, and takes over from `last` (a gateway, and what it was
/// built to with the same options) what has not changed.
pub fn rebuild(
    last: (&ir::Gateway, &Resources),
    gateway: &ir::Gateway,
    options: &BuildOptions,
) -> Resources {
    let (last, built) = last;
    // What is counted is said in every cluster and host.
    if last.telemetry.detail != gateway.telemetry.detail {
        return build(gateway, options);
    }
    assemble(gateway, options, &Last::new(last, built))
}

fn assemble(gateway: &ir::Gateway, options: &BuildOptions, last: &Last<'_>) -> Resources {
    // Consumers and budgets are the engine's business (`Gateway::bundle`), the bootstrap is read
    // when Envoy starts.
    let ir::Gateway {
        listeners,
        consumers: _,
        budgets: _,
        telemetry,
        bootstrap: _,
    } = gateway;
    let mut resources = Resources::default();
    let told = Telemetry::new(telemetry);
    for listener in listeners {
        let told = (&told, telemetry.detail.as_slice());
        add_listener(&mut resources, (listener, told), options, last);
    }
    for cluster in telemetry::build_clusters(telemetry, options) {
        resources.add(cluster);
    }
    telemetry::apply_detail(&mut resources, &telemetry.detail);
    let traffic = || listeners.iter().flat_map(ir::Listener::http);
    let ai = traffic().any(http_manager::has_ai);
    let engine = if ai {
        engine::build_clusters(options)
    } else {
        Vec::new()
    };
    let ratelimit = traffic().any(|http| rate_limit::Kinds::of_http(http).global);
    let ratelimit = ratelimit.then(|| rate_limit::build_cluster(options));
    for cluster in engine.into_iter().chain(ratelimit) {
        let name = cluster.name.clone();
        resources.clusters.insert(name, Arc::new(cluster));
    }
    resources
}

fn add_listener(
    resources: &mut Resources,
    (listener, (told, detail)): (&ir::Listener, (&Telemetry, &[ir::Detail])),
    options: &BuildOptions,
    last: &Last<'_>,
) {
    if let Some(built) = listener::build_listener(listener, told, options) {
        resources.add_secrets(built.secrets);
        let name = listener.name.clone();
        resources.listeners.insert(name, Arc::new(built.listener));
    }
    let client_side = http_manager::client_side(listener);
    for http in listener.http() {
        let before = last.routes(client_side, http);
        let routes = match before.filter(|(before, _)| *before == http) {
            Some((_, same)) => Arc::clone(same),
            None => {
                let before = before.map(|(http, table)| (http, &**table));
                let how = (detail, options);
                let built = virtual_host::build_route_table(client_side, http, before, how);
                Arc::new(built)
            }
        };
        resources.routes.insert(http.name.clone(), routes);
        for host in &http.virtual_hosts {
            add_backends(resources, host, options, last);
        }
    }
    for (name, destination) in listener.streams().flat_map(ir::StreamRoute::destinations) {
        if !resources.clusters.contains_key(name) {
            resources.add(cluster::build_stream_cluster(name, destination, options));
        }
    }
}

fn add_backends(
    resources: &mut Resources,
    host: &ir::VirtualHost,
    options: &BuildOptions,
    last: &Last<'_>,
) {
    for (name, destination) in host.routes.iter().flat_map(|route| route.destinations()) {
        // Many routes may lead to one cluster.
        if resources.clusters.contains_key(name) {
            continue;
        }
        match last.cluster(name, destination) {
            Some(same) => {
                resources.add_again(same);
                resources.add_secrets(upstream_tls::secrets(destination, options));
            }
            None => resources.add(cluster::build_http_cluster(name, destination, options)),
        }
    }
    for rule in host.ai.iter().flat_map(|ai| &ai.rules) {
        if ai_cluster::names(rule).all(|name| resources.clusters.contains_key(name)) {
            continue;
        }
        let Some(same) = last.rule(rule) else {
            let built = ai_cluster::build_ai_clusters(rule, options);
            built.into_iter().for_each(|built| resources.add(built));
            continue;
        };
        same.into_iter().for_each(|same| resources.add_again(same));
        for destination in rule.destinations.iter().flatten() {
            resources.add_secrets(upstream_tls::secrets(destination, options));
        }
    }
}

// === impl BuildOptions ===

impl BuildOptions {
    /// The defaults, for an ext_proc service on this socket, and a rate limit service on
    /// `ratelimit.sock` beside it.
    pub fn new(extproc_socket: PathBuf) -> Self {
        Self {
            ratelimit_socket: extproc_socket.with_file_name("ratelimit.sock"),
            engine: EngineHost::ExtProc(ExtProc {
                socket: extproc_socket,
                message_timeout_ms: 10_000,
            }),
            body_bytes_max: 50 << 20,
            system_ca_path: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
        }
    }

    /// The defaults, for an engine inside Envoy's process whose uplink is this socket, and a rate
    /// limit service on `ratelimit.sock` beside it.
    pub fn in_envoy(uplink: PathBuf, renew_every_ms: u64) -> Self {
        Self {
            engine: EngineHost::InEnvoy(InEnvoy {
                uplink: uplink.clone(),
                renew_every_ms,
            }),
            ..Self::new(uplink)
        }
    }
}
