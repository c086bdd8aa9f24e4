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
mod ext_proc;
mod header_filter;
mod http_manager;
mod http_match;
mod http_route;
mod listener;
mod local_reply;
mod mirror;
mod names;
mod own_service;
mod rate_limit;
mod redirect;
mod retry;
mod rewrite;
mod secret;
mod stream_route;
mod tcp_proxy;
mod udp_proxy;
mod upstream_tls;
mod value;
mod virtual_host;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tollgate_envoy as envoy;
use tollgate_ir as ir;
use tollgate_secret::Secret;

/// All resources of one gateway, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// One for each port.
    pub listeners: BTreeMap<String, envoy::listener::Listener>,
    /// One for each port with HTTP, and for each server name with HTTPS.
    pub routes: BTreeMap<String, envoy::route::RouteConfiguration>,
    /// Backends, and services of our own.
    pub clusters: BTreeMap<String, envoy::cluster::Cluster>,
    /// Endpoints of those clusters whose endpoints are all addresses.
    pub endpoints: BTreeMap<String, envoy::endpoint::ClusterLoadAssignment>,
    /// Trusted certificate authorities, and certificates with their keys. Provider credentials
    /// are not here: they travel in the bundle.
    pub secrets: BTreeMap<String, Secret<envoy::tls::Secret>>,
}

/// What the resources need to know about the machine they are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// Unix socket of our ext_proc service.
    pub extproc_socket: PathBuf,
    /// Unix socket of our rate limit service.
    pub ratelimit_socket: PathBuf,
    /// How long Envoy waits for one answer of the ext_proc service, in milliseconds. A budget
    /// that waits for its store needs more than Envoy's own 200 ms.
    pub extproc_message_timeout_ms: u64,
    /// Largest body on AI routes, of a request (more answers 413) and of an answer that is not
    /// streamed (more answers 500): the engine needs both whole, so Envoy holds them in memory.
    pub body_bytes_max: u64,
    /// PEM file of the authorities that the machine trusts.
    pub system_ca_path: PathBuf,
}

/// Renders a gateway.
pub fn build(gateway: &ir::Gateway, options: &BuildOptions) -> Resources {
    // Consumers and budgets are the engine's business (`Gateway::bundle`).
    let ir::Gateway {
        listeners,
        consumers: _,
        budgets: _,
    } = gateway;
    let mut resources = Resources::default();
    for listener in listeners {
        add_listener(&mut resources, listener, options);
    }
    let traffic = || listeners.iter().flat_map(ir::Listener::http);
    let ai = traffic().any(http_manager::has_ai);
    let extproc = ai.then(|| ext_proc::build_clusters(options));
    let ratelimit = traffic().any(|http| rate_limit::Kinds::of_http(http).global);
    let ratelimit = ratelimit.then(|| rate_limit::build_cluster(options));
    for cluster in extproc.into_iter().flatten().chain(ratelimit) {
        resources.clusters.insert(cluster.name.clone(), cluster);
    }
    resources
}

fn add_listener(resources: &mut Resources, listener: &ir::Listener, options: &BuildOptions) {
    if let Some(built) = listener::build_listener(listener, options) {
        resources.add_secrets(built.secrets);
        let name = listener.name.clone();
        resources.listeners.insert(name, built.listener);
    }
    let client_side = (listener.port, http_manager::Scheme::of(&listener.traffic));
    for http in listener.http() {
        let routes = virtual_host::build_route_configuration(client_side, http, options);
        resources.routes.insert(http.name.clone(), routes);
        for host in &http.virtual_hosts {
            add_backends(resources, host, options);
        }
    }
    for route in stream_route::of_listener(listener) {
        for built in stream_route::build_clusters(route, options) {
            resources.add(built);
        }
    }
}

fn add_backends(resources: &mut Resources, host: &ir::VirtualHost, options: &BuildOptions) {
    for route in &host.routes {
        let ir::HttpAction::Forward(backends) = &route.action else {
            continue;
        };
        for backend in backends {
            if let Ok(destination) = &backend.destination {
                let built = cluster::build_http_cluster(&backend.name, destination, options);
                resources.add(built);
            }
        }
        for mirror in mirror::mirrors(&route.filters) {
            let built = cluster::build_http_cluster(&mirror.name, &mirror.destination, options);
            resources.add(built);
        }
    }
    for rule in host.ai.iter().flat_map(|ai| &ai.rules) {
        for built in ai_cluster::build_ai_clusters(rule, options) {
            resources.add(built);
        }
    }
}

// === impl Resources ===

impl Resources {
    fn add(&mut self, built: cluster::BuiltCluster) {
        let cluster::BuiltCluster {
            cluster,
            endpoints,
            secrets,
        } = built;
        if let Some(endpoints) = endpoints {
            let name = endpoints.cluster_name.clone();
            self.endpoints.insert(name, endpoints);
        }
        self.add_secrets(secrets);
        self.clusters.insert(cluster.name.clone(), cluster);
    }

    fn add_secrets(&mut self, secrets: Vec<envoy::tls::Secret>) {
        for secret in secrets {
            let name = secret.name.clone();
            self.secrets.insert(name, Secret::new(secret));
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
            extproc_socket,
            extproc_message_timeout_ms: 10_000,
            body_bytes_max: 50 << 20,
            system_ca_path: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
        }
    }
}
