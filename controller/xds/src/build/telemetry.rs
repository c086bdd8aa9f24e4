//! What a gateway tells of its traffic, made once and put into every port: access logs, tracing,
//! and the clusters of the services that both are sent to.

mod access_log;
mod detail;
mod filter;
mod format;
mod tracing;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::access_log::AccessLog;
use envoy::core::{GrpcService, HeaderValue, grpc_service};
use envoy::hcm::{RequestIdExtension, http_connection_manager::Tracing};
use envoy::well_known::BoolValue;

use super::{BuildOptions, cluster};
use crate::resources::BuiltCluster;
use filter::Place;

pub(super) use detail::{apply as apply_detail, build_virtual_clusters};

/// Parts for listeners.
#[derive(Default)]
pub(super) struct Telemetry {
    /// Of the port itself.
    pub(super) listener: Vec<AccessLog>,
    /// Below HTTP.
    pub(super) stream: Vec<AccessLog>,
    /// Of the router.
    pub(super) upstream: Vec<AccessLog>,
    /// Where there is no LLM traffic.
    http: Vec<AccessLog>,
    /// Where there is.
    http_with_ai: Vec<AccessLog>,
    pub(super) tracing: Option<Tracing>,
    pub(super) request_id: Option<RequestIdExtension>,
}

// === impl Telemetry ===

impl Telemetry {
    /// The parts, from the settings.
    pub(super) fn new(telemetry: &ir::Telemetry) -> Self {
        // What is counted is said in clusters and virtual hosts: see `detail`.
        let ir::Telemetry {
            access_logs,
            tracing,
            request_id,
            detail: _,
        } = telemetry;
        let at = |place| access_log::build_all(access_logs, place);
        Self {
            listener: at(Place::Listener),
            stream: at(Place::Stream),
            upstream: at(Place::Upstream),
            http: at(Place::Http),
            http_with_ai: at(Place::HttpWithAi),
            tracing: tracing.as_ref().map(tracing::build_tracing),
            request_id: request_id.map(tracing::build_request_id),
        }
    }

    /// The logs of requests.
    pub(super) fn http(&self, has_ai: bool) -> Vec<AccessLog> {
        match has_ai {
            true => self.http_with_ai.clone(),
            false => self.http.clone(),
        }
    }
}

/// The clusters of the services that telemetry is sent to.
pub(super) fn build_clusters<'a>(
    telemetry: &'a ir::Telemetry,
    options: &'a BuildOptions,
) -> impl Iterator<Item = BuiltCluster> + 'a {
    telemetry.receivers().map(|receiver| {
        let mut built =
            cluster::build_http_cluster(&receiver.cluster, &receiver.destination, options);
        // No traffic waits until the name of a receiver is resolved.
        built.cluster.wait_for_warm_on_init = Some(BoolValue { value: false });
        built
    })
}

/// The gRPC service that telemetry is sent to.
fn build_grpc_service(receiver: &ir::Receiver) -> GrpcService {
    let headers = receiver.headers.iter();
    GrpcService {
        initial_metadata: headers
            .map(|(name, value)| HeaderValue {
                key: name.clone(),
                value: value.expose().clone(),
                ..HeaderValue::default()
            })
            .collect(),
        target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(
            grpc_service::EnvoyGrpc {
                cluster_name: receiver.cluster.clone(),
                authority: authority(receiver).unwrap_or_default().to_string(),
                ..grpc_service::EnvoyGrpc::default()
            },
        )),
        ..GrpcService::default()
    }
}

/// The host name that the receiver is asked by; Envoy says the name of the cluster where it has
/// none.
fn authority(receiver: &ir::Receiver) -> Option<&str> {
    let ir::Destination { endpoints, tls, .. } = &receiver.destination;
    let verified = tls.iter().map(|tls| tls.sni.as_str());
    let named = endpoints
        .iter()
        .filter_map(|endpoint| match &endpoint.host {
            ir::Host::Dns(name) => Some(name.as_str()),
            ir::Host::Ip(_) => None,
        });
    verified.chain(named).find(|name| !name.is_empty())
}
