//! The ext_proc filter of the listener, what AI routes override of it, and the clusters of the
//! service behind it.

use tollgate_bundle::{BACKEND_METADATA_NAMESPACE, COST_METADATA_NAMESPACE, SCOPE_METADATA};
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cluster::Cluster;
use envoy::core::HeaderValue;
use envoy::ext_proc_filter::{
    ExtProcOverrides, ExtProcPerRoute, ExternalProcessor, MetadataOptions, ProcessingMode,
    ext_proc_per_route, metadata_options::MetadataNamespaces, processing_mode as mode,
};
use envoy::mutation::HeaderMutationRules;
use envoy::well_known::Any;

use super::own_service::{build_grpc_service, build_service_cluster};
use super::value::{duration_ms, yes};
use super::{ExtProc, names, rate_limit};

/// The filter on the way in: sees request and answer whole, until it asks for a stream.
pub(super) fn build_filter(http: &ir::HttpTraffic, service: &ExtProc) -> ExternalProcessor {
    let common = build_processor(names::EXTPROC_CLUSTER, service);
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
        response_attributes: match rate_limit::Kinds::of_ai(http).any() {
            true => vec![ANSWER_ORIGIN.to_string()],
            false => Vec::new(),
        },
        metadata_options: common.metadata_options.map(|it| with_costs(it, http)),
        ..common
    }
}

/// Lets the engine tell Envoy what requests have cost, where some rule says that it shall.
fn with_costs(options: MetadataOptions, http: &ir::HttpTraffic) -> MetadataOptions {
    let scopes = http
        .virtual_hosts
        .iter()
        .filter_map(|host| host.ai.as_ref());
    let mut rules = scopes.flat_map(|ai| &ai.rules);
    let costs = rules.any(|rule| !rule.rule.costs.is_empty());
    let receiving = options.receiving_namespaces.map(|mut namespaces| {
        namespaces
            .untyped
            .extend(costs.then(|| COST_METADATA_NAMESPACE.to_string()));
        namespaces
    });
    MetadataOptions {
        receiving_namespaces: receiving,
        ..options
    }
}

/// Whether a provider has answered, or a rate limit in its place.
const ANSWER_ORIGIN: &str = "response.code_details";

/// The id of the backend that the picked endpoint belongs to. The name of an attribute is a CEL
/// expression; the whole `xds.upstream_host_metadata` would come as the text form of a protobuf.
pub(crate) const PICKED_BACKEND: &str =
    "xds.upstream_host_metadata.filter_metadata['tollgate']['backend']";

/// The filter on the way to an endpoint, on retries: sees the request's headers only; the engine
/// has kept the body.
pub(super) fn build_retry_filter(service: &ExtProc) -> ExternalProcessor {
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
        ..build_processor(names::EXTPROC_RETRY_CLUSTER, service)
    }
}

/// What both have in common. A service that does not answer fails the request: nothing passes
/// without its budget and its credential.
fn build_processor(cluster: &str, service: &ExtProc) -> ExternalProcessor {
    let timeout = duration_ms(service.message_timeout_ms);
    let namespaces = MetadataNamespaces {
        untyped: vec![BACKEND_METADATA_NAMESPACE.to_string()],
        ..MetadataNamespaces::default()
    };
    ExternalProcessor {
        grpc_service: Some(build_grpc_service(cluster)),
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
pub(super) fn build_route_override(scope: &str) -> (&'static str, Any) {
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
    (names::EXT_PROC_FILTER, envoy::pack(&per_route))
}

/// One cluster for each of the two filters, both at the same socket.
pub(super) fn build_clusters(service: &ExtProc) -> [Cluster; 2] {
    [names::EXTPROC_CLUSTER, names::EXTPROC_RETRY_CLUSTER]
        .map(|name| build_service_cluster(name, &service.socket))
}
