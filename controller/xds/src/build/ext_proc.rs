//! The ext_proc filter of the listener, what AI routes override of it, and the clusters of the
//! service behind it.

use std::collections::HashMap;

use tollgate_bundle::{BACKEND_METADATA_NAMESPACE, SCOPE_METADATA};
use tollgate_envoy as envoy;

use envoy::cluster::{Cluster, cluster};
use envoy::core::{GrpcService, HeaderValue, Http2ProtocolOptions, grpc_service};
use envoy::endpoint::ClusterLoadAssignment;
use envoy::ext_proc_filter::{
    ExtProcOverrides, ExtProcPerRoute, ExternalProcessor, MetadataOptions, ProcessingMode,
    ext_proc_per_route, metadata_options::MetadataNamespaces, processing_mode as mode,
};
use envoy::mutation::HeaderMutationRules;
use envoy::well_known::Any;

use super::value::{duration_ms, pipe, uint32, yes};
use super::{BuildOptions, cluster as clusters, endpoint, names};

/// HTTP/2 windows towards the service: a body of many MiB crosses the socket without waiting.
const STREAM_WINDOW_BYTES: u32 = 16 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 256 << 20;
/// The service is on this machine.
const CONNECT_TIMEOUT_MS: u64 = 1_000;

/// The filter on the way in: sees request and answer whole, until it asks for a stream.
pub(super) fn build_filter(options: &BuildOptions) -> ExternalProcessor {
    ExternalProcessor {
        processing_mode: Some(ProcessingMode {
            request_header_mode: mode::HeaderSendMode::Send.into(),
            response_header_mode: mode::HeaderSendMode::Send.into(),
            request_body_mode: mode::BodySendMode::Buffered.into(),
            response_body_mode: mode::BodySendMode::Buffered.into(),
            request_trailer_mode: mode::HeaderSendMode::Skip.into(),
            response_trailer_mode: mode::HeaderSendMode::Skip.into(),
        }),
        allow_mode_override: true,
        ..build_processor(names::EXTPROC_CLUSTER, options)
    }
}

/// The id of the backend that the picked endpoint belongs to. The name of an attribute is a CEL
/// expression; the whole `xds.upstream_host_metadata` would come as the text form of a protobuf.
pub(crate) const PICKED_BACKEND: &str =
    "xds.upstream_host_metadata.filter_metadata['tollgate']['backend']";

/// The filter on the way to an endpoint, on retries: sees the request's headers only; the engine
/// has kept the body.
pub(super) fn build_retry_filter(options: &BuildOptions) -> ExternalProcessor {
    ExternalProcessor {
        processing_mode: Some(ProcessingMode {
            request_header_mode: mode::HeaderSendMode::Send.into(),
            response_header_mode: mode::HeaderSendMode::Skip.into(),
            request_body_mode: mode::BodySendMode::None.into(),
            response_body_mode: mode::BodySendMode::None.into(),
            request_trailer_mode: mode::HeaderSendMode::Skip.into(),
            response_trailer_mode: mode::HeaderSendMode::Skip.into(),
        }),
        request_attributes: vec![PICKED_BACKEND.to_string()],
        ..build_processor(names::EXTPROC_RETRY_CLUSTER, options)
    }
}

/// What both have in common. A service that does not answer fails the request: nothing passes
/// without its budget and its credential.
fn build_processor(cluster: &str, options: &BuildOptions) -> ExternalProcessor {
    let timeout = duration_ms(options.extproc_message_timeout_ms);
    let namespaces = MetadataNamespaces {
        untyped: vec![BACKEND_METADATA_NAMESPACE.to_string()],
        ..MetadataNamespaces::default()
    };
    ExternalProcessor {
        grpc_service: Some(GrpcService {
            target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(
                grpc_service::EnvoyGrpc {
                    cluster_name: cluster.to_string(),
                    ..grpc_service::EnvoyGrpc::default()
                },
            )),
            ..GrpcService::default()
        }),
        failure_mode_allow: false,
        message_timeout: Some(timeout),
        max_message_timeout: Some(timeout),
        mutation_rules: Some(HeaderMutationRules {
            allow_all_routing: yes(),
            allow_envoy: yes(),
            ..HeaderMutationRules::default()
        }),
        metadata_options: Some(MetadataOptions {
            forwarding_namespaces: Some(namespaces.clone()),
            receiving_namespaces: Some(namespaces),
            ..MetadataOptions::default()
        }),
        ..ExternalProcessor::default()
    }
}

/// Switches the filter on for a route, and tells the service which scope it is.
pub(super) fn build_route_override(scope: &str) -> HashMap<String, Any> {
    let overrides = ExtProcOverrides {
        grpc_initial_metadata: vec![HeaderValue {
            key: SCOPE_METADATA.to_string(),
            value: scope.to_string(),
            ..HeaderValue::default()
        }],
        ..ExtProcOverrides::default()
    };
    let per_route = ExtProcPerRoute {
        r#override: Some(ext_proc_per_route::Override::Overrides(overrides)),
    };
    [(names::EXT_PROC_FILTER.to_string(), envoy::pack(&per_route))].into()
}

/// One cluster for each of the two filters, both at the same socket.
pub(super) fn build_clusters(options: &BuildOptions) -> [Cluster; 2] {
    [names::EXTPROC_CLUSTER, names::EXTPROC_RETRY_CLUSTER].map(|name| build_cluster(name, options))
}

fn build_cluster(name: &str, options: &BuildOptions) -> Cluster {
    let http2 = Http2ProtocolOptions {
        initial_stream_window_size: uint32(STREAM_WINDOW_BYTES),
        initial_connection_window_size: uint32(CONNECTION_WINDOW_BYTES),
        ..Http2ProtocolOptions::default()
    };
    let assignment = ClusterLoadAssignment {
        cluster_name: name.to_string(),
        endpoints: vec![endpoint::locality(vec![endpoint::at(pipe(
            &options.extproc_socket,
        ))])],
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
