//! Clusters of an AI rule: one for each backend that a first attempt can be pinned to, with the
//! rule's other backends as lower priorities. A retry (`previous_priorities`) moves down them.
//!
//! Endpoints say which backend they are, by the name of the cluster that is pinned to it, twice: for
//! the filter that runs on retries (endpoint metadata) and for the choice of the transport socket
//! (locality metadata). Rules with equal backends share clusters, so nothing in one is a rule's own.

use std::collections::BTreeSet;

use tollgate_bundle::{BACKEND_METADATA_KEY, BACKEND_METADATA_NAMESPACE, Backend};
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cluster::{Cluster, cluster::TransportSocketMatch};
use envoy::endpoint::LocalityLbEndpoints;

use crate::resources::BuiltCluster;

use super::cluster;
use super::upstream_tls::{self, Inside};
use super::value::{metadata, single_field};
use super::{BuildOptions, ai_upstream, ai_upstream::Pinned, endpoint, names};

/// A backend that has a place.
type Placed<'a> = (&'a Backend, &'a ir::Destination);

/// The names of a rule's clusters.
pub(super) fn names(rule: &ir::AiRule) -> impl Iterator<Item = &String> {
    let placed = rule.rule.backends.iter().zip(&rule.destinations);
    let placed = placed.filter(|(_, destination)| destination.is_some());
    placed.map(|(backend, _)| &backend.cluster)
}

pub(super) fn build_ai_clusters(rule: &ir::AiRule, options: &BuildOptions) -> Vec<BuiltCluster> {
    let placed = fallback_order(rule);
    let protocol = common_protocol(&placed);
    placed
        .iter()
        .map(|primary| build_ai_cluster(primary, &placed, protocol, options))
        .collect()
}

/// The backends that have a place: by priority, then by weight (largest first), then as written.
fn fallback_order(rule: &ir::AiRule) -> Vec<Placed<'_>> {
    let mut placed: Vec<Placed<'_>> = rule
        .rule
        .backends
        .iter()
        .zip(&rule.destinations)
        .filter_map(|(backend, destination)| Some((backend, destination.as_ref()?)))
        .collect();
    // Stable, so equal ones stay as written.
    placed.sort_by_key(|(backend, _)| (backend.priority, std::cmp::Reverse(backend.weight)));
    placed
}

/// A cluster speaks one protocol. HTTP/2 only where all backends do: servers with HTTP/2 over
/// TLS take HTTP/1.1 too.
fn common_protocol(placed: &[Placed<'_>]) -> ir::UpstreamProtocol {
    if placed
        .iter()
        .all(|(_, destination)| destination.protocol == ir::UpstreamProtocol::Http2)
    {
        ir::UpstreamProtocol::Http2
    } else {
        ir::UpstreamProtocol::Http1
    }
}

fn build_ai_cluster(
    primary: &Placed<'_>,
    placed: &[Placed<'_>],
    protocol: ir::UpstreamProtocol,
    options: &BuildOptions,
) -> BuiltCluster {
    let (primary_backend, primary_destination) = primary;
    let others = placed
        .iter()
        .filter(|(backend, _)| backend.cluster != primary_backend.cluster);
    let in_order: Vec<&Placed<'_>> = std::iter::once(primary).chain(others).collect();
    let mut sockets = Vec::new();
    let mut secrets = Vec::new();
    for (backend, destination) in &in_order {
        let (socket, used) = build_socket_match(backend, destination, protocol, options);
        sockets.push(socket);
        secrets.extend(used);
    }
    let localities = in_order
        .iter()
        .zip(0..)
        .map(|((backend, destination), priority)| build_priority(backend, destination, priority));
    let dns = in_order
        .iter()
        .any(|(_, destination)| endpoint::needs_dns(&destination.endpoints))
        || share_an_address(&in_order);
    let pinned = match in_order.len() {
        1 => Pinned::Alone,
        _ if has_addresses(primary_destination) => Pinned::Addressed,
        _ => Pinned::Named,
    };
    let filters = ai_upstream::build_upstream_filters(&primary_backend.cluster, pinned, options);
    let base = Cluster {
        transport_socket_matches: sockets,
        typed_extension_protocol_options: cluster::http_options(protocol.into(), filters),
        ..cluster::build_base(&primary_backend.cluster)
    };
    let built = cluster::place(base, localities.collect(), dns);
    BuiltCluster { secrets, ..built }
}

/// Whether two backends are at one address: two models of one server. A cluster of addresses
/// knows each address once, and would have no place for the second; one of names does not
/// compare them.
fn share_an_address(in_order: &[&Placed<'_>]) -> bool {
    let mut seen = BTreeSet::new();
    in_order.iter().any(|(_, destination)| {
        let own: BTreeSet<_> = (destination.endpoints.iter())
            .map(|endpoint| (&endpoint.host, endpoint.port))
            .collect();
        let is_shared = own.iter().any(|address| seen.contains(address));
        seen.extend(own);
        is_shared
    })
}

/// Whether some endpoint takes requests without a name having to be resolved. A cluster whose
/// endpoints change is another cluster (its name carries their digest), so that this cannot
/// become untrue.
fn has_addresses(destination: &ir::Destination) -> bool {
    destination
        .endpoints
        .iter()
        .any(|endpoint| matches!(endpoint.host, ir::Host::Ip(_)) && !endpoint.draining)
}

/// The transport socket for the endpoints of one backend.
fn build_socket_match(
    backend: &Backend,
    destination: &ir::Destination,
    protocol: ir::UpstreamProtocol,
    options: &BuildOptions,
) -> (TransportSocketMatch, Vec<envoy::tls::Secret>) {
    let (socket, secrets) = match &destination.tls {
        Some(tls) => {
            let built = upstream_tls::build_tls(tls, Inside::Http(protocol), options);
            (built.socket, built.secrets)
        }
        None => (upstream_tls::build_plain(), Vec::new()),
    };
    let socket = TransportSocketMatch {
        name: backend.cluster.clone(),
        r#match: Some(single_field(names::SOCKET_MATCH_KEY, &backend.cluster)),
        transport_socket: Some(socket),
    };
    (socket, secrets)
}

fn build_priority(
    backend: &Backend,
    destination: &ir::Destination,
    priority: u32,
) -> LocalityLbEndpoints {
    let mut lb_endpoints: Vec<_> = destination
        .endpoints
        .iter()
        .map(endpoint::build_endpoint)
        .collect();
    for lb_endpoint in &mut lb_endpoints {
        lb_endpoint.metadata = Some(metadata(
            BACKEND_METADATA_NAMESPACE,
            BACKEND_METADATA_KEY,
            &backend.cluster,
        ));
    }
    LocalityLbEndpoints {
        metadata: Some(metadata(
            names::SOCKET_MATCH_NAMESPACE,
            names::SOCKET_MATCH_KEY,
            &backend.cluster,
        )),
        priority,
        ..endpoint::locality(lb_endpoints)
    }
}
