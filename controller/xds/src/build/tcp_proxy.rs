//! Connections to backends, by weight.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::listener::{Filter, filter};
use envoy::tcp_proxy::{
    TcpProxy,
    tcp_proxy::{ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight},
};

use super::telemetry::Telemetry;
use super::value::duration_ms;
use super::{names, stream_route};

/// How long a connection may be silent in both directions.
const IDLE_MS: u64 = 3_600_000;

/// The filter that sends connections where the route says. A connection to a cluster that does
/// not exist is closed at once.
pub(super) fn build_filter(
    stat_prefix: String,
    route: &ir::StreamRoute,
    told: &Telemetry,
) -> Filter {
    let clusters: Vec<ClusterWeight> = stream_route::shares(route)
        .map(|share| ClusterWeight {
            name: share.cluster.to_string(),
            weight: share.weight,
            ..ClusterWeight::default()
        })
        .collect();
    let specifier = match clusters.as_slice() {
        [] => ClusterSpecifier::Cluster(names::NO_CLUSTER.to_string()),
        [only] => ClusterSpecifier::Cluster(only.name.clone()),
        _ => ClusterSpecifier::WeightedClusters(WeightedCluster { clusters }),
    };
    let proxy = TcpProxy {
        stat_prefix,
        idle_timeout: Some(duration_ms(IDLE_MS)),
        cluster_specifier: Some(specifier),
        access_log: told.stream.clone(),
        ..TcpProxy::default()
    };
    Filter {
        name: "envoy.filters.network.tcp_proxy".to_string(),
        config_type: Some(filter::ConfigType::TypedConfig(envoy::pack(&proxy))),
    }
}
