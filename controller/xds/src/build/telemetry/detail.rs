//! What is counted beyond the usual: asked for in every cluster, and in every virtual host.

use std::sync::Arc;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cluster::TrackClusterStats;
use envoy::route::{HeaderMatcher, VirtualCluster, header_matcher::HeaderMatchSpecifier};

use crate::Resources;

/// What Envoy calls the requests of a virtual host in its statistics:
/// `vhost.NAME.vcluster.all.…`.
const ALL_REQUESTS: &str = "all";

/// Puts it into clusters. What was taken over from an earlier build has it already.
pub(in crate::build) fn apply(resources: &mut Resources, detail: &[ir::Detail]) {
    let endpoints = detail.contains(&ir::Detail::Endpoints);
    let sizes = detail.contains(&ir::Detail::Sizes);
    if endpoints || sizes {
        let wanted = Some(TrackClusterStats {
            per_endpoint_stats: endpoints,
            request_response_sizes: sizes,
            ..TrackClusterStats::default()
        });
        for cluster in resources.clusters.values_mut() {
            if cluster.track_cluster_stats != wanted {
                Arc::make_mut(cluster).track_cluster_stats = wanted;
            }
        }
    }
}

/// What is counted of a virtual host.
pub(in crate::build) fn build_virtual_clusters(detail: &[ir::Detail]) -> Vec<VirtualCluster> {
    match detail.contains(&ir::Detail::VirtualHosts) {
        true => vec![all_requests()],
        false => Vec::new(),
    }
}

fn all_requests() -> VirtualCluster {
    VirtualCluster {
        name: ALL_REQUESTS.to_string(),
        headers: vec![HeaderMatcher {
            name: ":method".to_string(),
            header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
            ..HeaderMatcher::default()
        }],
    }
}
