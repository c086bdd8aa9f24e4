//! Services of our own on this machine: the cluster that leads to one, and how a filter names it.

use std::path::Path;

use tollgate_envoy as envoy;

use envoy::cluster::{Cluster, cluster};
use envoy::core::{GrpcService, Http2ProtocolOptions, grpc_service};
use envoy::endpoint::ClusterLoadAssignment;

use super::value::{duration_ms, pipe, uint32};
use super::{cluster as clusters, endpoint};

/// HTTP/2 windows towards a service: a body of many MiB crosses the socket without waiting.
const STREAM_WINDOW_BYTES: u32 = 16 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 256 << 20;
/// The services are on this machine.
const CONNECT_TIMEOUT_MS: u64 = 1_000;

/// The service behind a cluster.
pub(super) fn build_grpc_service(cluster: &str) -> GrpcService {
    GrpcService {
        target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(
            grpc_service::EnvoyGrpc {
                cluster_name: cluster.to_string(),
                ..grpc_service::EnvoyGrpc::default()
            },
        )),
        ..GrpcService::default()
    }
}

/// The cluster of the service on this Unix socket.
pub(super) fn build_service_cluster(name: &str, socket: &Path) -> Cluster {
    let http2 = Http2ProtocolOptions {
        initial_stream_window_size: uint32(STREAM_WINDOW_BYTES),
        initial_connection_window_size: uint32(CONNECTION_WINDOW_BYTES),
        ..Http2ProtocolOptions::default()
    };
    let assignment = ClusterLoadAssignment {
        cluster_name: name.to_string(),
        endpoints: vec![endpoint::locality(vec![endpoint::at(pipe(socket))])],
        ..ClusterLoadAssignment::default()
    };
    Cluster {
        name: name.to_string(),
        connect_timeout: Some(duration_ms(CONNECT_TIMEOUT_MS)),
        cluster_discovery_type: Some(cluster::ClusterDiscoveryType::Type(
            cluster::DiscoveryType::Static.into(),
        )),
        load_assignment: Some(assignment),
        circuit_breakers: Some(clusters::build_circuit_breakers()),
        typed_extension_protocol_options: clusters::http_options(
            clusters::HttpOptions::Http2(Box::new(http2)),
            Vec::new(),
        ),
        ..Cluster::default()
    }
}
