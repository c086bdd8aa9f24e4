//! Clusters: what all of them share, and those of plain HTTP backends and of streams.

use std::collections::HashMap;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cluster::{
    CircuitBreakers, Cluster, UpstreamConnectionOptions, circuit_breakers::Thresholds,
    cluster as config,
};
use envoy::core::{Http1ProtocolOptions, Http2ProtocolOptions, TcpKeepalive};
use envoy::endpoint::{ClusterLoadAssignment, LocalityLbEndpoints};
use envoy::hcm::HttpFilter;
use envoy::upstream_http::{
    HttpProtocolOptions,
    http_protocol_options::{
        ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
    },
};
use envoy::well_known::Any;

use super::upstream_tls::{self, Inside};
use crate::resources::BuiltCluster;

use super::value::{ads, duration_ms, uint32};
use super::{BuildOptions, endpoint};

/// How long one connection attempt may take.
const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// Seconds of silence before the kernel asks whether the peer is still there, and between asking.
const KEEPALIVE_SECONDS: u32 = 60;
const KEEPALIVE_INTERVAL_SECONDS: u32 = 15;
/// DNS is asked again when its answer expires, at most this often, and after failures sooner.
const DNS_REFRESH_MS: u64 = 30_000;
const DNS_FAILURE_BASE_MS: u64 = 1_000;
const DNS_FAILURE_MAX_MS: u64 = 10_000;
/// Envoy's own limits (1024) make a busy gateway refuse requests that providers would take:
/// connections of clients are what bounds the work in flight here (see `bootstrap`).
const IN_FLIGHT_MAX: u32 = 1_000_000;

/// The protocol towards a cluster's endpoints.
pub(super) enum HttpOptions {
    Http1,
    Http2(Box<Http2ProtocolOptions>),
}

/// The cluster of one backend of a plain HTTP route, or of a mirror.
pub(super) fn build_http_cluster(
    name: &str,
    destination: &ir::Destination,
    options: &BuildOptions,
) -> BuiltCluster {
    let protocol = destination.protocol;
    let base = Cluster {
        typed_extension_protocol_options: http_options(protocol.into(), Vec::new()),
        ..build_base(name)
    };
    build_cluster(base, destination, Inside::Http(protocol), options)
}

/// The cluster of one backend of a stream.
pub(super) fn build_stream_cluster(
    name: &str,
    destination: &ir::Destination,
    options: &BuildOptions,
) -> BuiltCluster {
    build_cluster(build_base(name), destination, Inside::Stream, options)
}

fn build_cluster(
    base: Cluster,
    destination: &ir::Destination,
    inside: Inside,
    options: &BuildOptions,
) -> BuiltCluster {
    let ir::Destination {
        name: _,
        endpoints,
        tls,
        protocol: _,
    } = destination;
    let tls = tls
        .as_ref()
        .map(|tls| upstream_tls::build_tls(tls, inside, options));
    let (socket, secrets) = tls.map(|tls| (tls.socket, tls.secrets)).unzip();
    let localities = vec![endpoint::locality(
        endpoints.iter().map(endpoint::build_endpoint).collect(),
    )];
    let base = Cluster {
        transport_socket: socket,
        ..base
    };
    let built = place(base, localities, endpoint::needs_dns(endpoints));
    BuiltCluster {
        secrets: secrets.unwrap_or_default(),
        ..built
    }
}

/// What all clusters of backends have.
pub(super) fn build_base(name: &str) -> Cluster {
    Cluster {
        name: name.to_string(),
        connect_timeout: Some(duration_ms(CONNECT_TIMEOUT_MS)),
        lb_policy: config::LbPolicy::LeastRequest.into(),
        circuit_breakers: Some(build_circuit_breakers()),
        ignore_health_on_host_removal: true,
        upstream_connection_options: Some(UpstreamConnectionOptions {
            tcp_keepalive: Some(TcpKeepalive {
                keepalive_time: uint32(KEEPALIVE_SECONDS),
                keepalive_interval: uint32(KEEPALIVE_INTERVAL_SECONDS),
                ..TcpKeepalive::default()
            }),
            ..UpstreamConnectionOptions::default()
        }),
        ..Cluster::default()
    }
}

/// Puts endpoints into a cluster: names are resolved in it, addresses are sent apart.
pub(super) fn place(
    cluster: Cluster,
    localities: Vec<LocalityLbEndpoints>,
    dns: bool,
) -> BuiltCluster {
    let assignment = ClusterLoadAssignment {
        cluster_name: cluster.name.clone(),
        endpoints: localities,
        policy: Some(endpoint::build_policy()),
        ..ClusterLoadAssignment::default()
    };
    let (cluster, endpoints) = if dns {
        let cluster = Cluster {
            cluster_discovery_type: Some(build_dns()),
            load_assignment: Some(assignment),
            ..cluster
        };
        (cluster, None)
    } else {
        let cluster = Cluster {
            cluster_discovery_type: Some(config::ClusterDiscoveryType::Type(
                config::DiscoveryType::Eds.into(),
            )),
            eds_cluster_config: Some(config::EdsClusterConfig {
                eds_config: Some(ads()),
                ..config::EdsClusterConfig::default()
            }),
            ..cluster
        };
        (cluster, Some(assignment))
    };
    BuiltCluster {
        cluster,
        endpoints,
        secrets: Vec::new(),
    }
}

fn build_dns() -> config::ClusterDiscoveryType {
    let dns = envoy::dns_cluster::DnsCluster {
        dns_refresh_rate: Some(duration_ms(DNS_REFRESH_MS)),
        dns_failure_refresh_rate: Some(envoy::dns_cluster::dns_cluster::RefreshRate {
            base_interval: Some(duration_ms(DNS_FAILURE_BASE_MS)),
            max_interval: Some(duration_ms(DNS_FAILURE_MAX_MS)),
        }),
        respect_dns_ttl: true,
        dns_lookup_family: envoy::dns::DnsLookupFamily::V4Preferred.into(),
        ..envoy::dns_cluster::DnsCluster::default()
    };
    config::ClusterDiscoveryType::ClusterType(config::CustomClusterType {
        name: "envoy.cluster.dns".to_string(),
        typed_config: Some(envoy::pack(&dns)),
    })
}

pub(super) fn build_circuit_breakers() -> CircuitBreakers {
    CircuitBreakers {
        thresholds: vec![Thresholds {
            max_connections: uint32(IN_FLIGHT_MAX),
            max_pending_requests: uint32(IN_FLIGHT_MAX),
            max_requests: uint32(IN_FLIGHT_MAX),
            max_retries: uint32(IN_FLIGHT_MAX),
            ..Thresholds::default()
        }],
        ..CircuitBreakers::default()
    }
}

/// HTTP protocol, and filters that run on the way to an endpoint.
pub(super) fn http_options(options: HttpOptions, filters: Vec<HttpFilter>) -> HashMap<String, Any> {
    let protocol = match options {
        HttpOptions::Http1 => ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default()),
        HttpOptions::Http2(http2) => ProtocolConfig::Http2ProtocolOptions(*http2),
    };
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(protocol),
            },
        )),
        http_filters: filters,
        ..HttpProtocolOptions::default()
    };
    [(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_string(),
        envoy::pack(&options),
    )]
    .into()
}

// === impl HttpOptions ===

impl From<ir::UpstreamProtocol> for HttpOptions {
    fn from(protocol: ir::UpstreamProtocol) -> Self {
        match protocol {
            ir::UpstreamProtocol::Http1 => Self::Http1,
            ir::UpstreamProtocol::Http2 => Self::Http2(Box::default()),
        }
    }
}
