//! Routes below HTTP: who gets which share, and the clusters behind them.

use tollgate_ir as ir;

use crate::resources::BuiltCluster;

use super::{BuildOptions, cluster, names};

/// A cluster and its share of the connections or sessions; more than 0.
pub(super) struct Share<'a> {
    pub(super) cluster: &'a str,
    pub(super) weight: u32,
}

/// The shares of a route. What an invalid backend would get goes to a cluster that does not
/// exist.
pub(super) fn shares(route: &ir::StreamRoute) -> impl Iterator<Item = Share<'_>> {
    let backends = route.backends.iter().filter(|backend| backend.weight > 0);
    backends.map(|backend| Share {
        cluster: match backend.destination {
            Ok(_) => &backend.name,
            Err(_) => names::NO_CLUSTER,
        },
        weight: backend.weight,
    })
}

/// All stream routes of a port.
pub(super) fn of_listener(listener: &ir::Listener) -> Vec<&ir::StreamRoute> {
    match &listener.traffic {
        ir::Traffic::Http(_) => Vec::new(),
        ir::Traffic::Tcp(route) | ir::Traffic::Udp(route) => vec![route],
        ir::Traffic::Tls(chains) => chains
            .iter()
            .filter_map(|chain| match &chain.action {
                ir::TlsAction::Https { .. } => None,
                ir::TlsAction::Terminate { route, .. } | ir::TlsAction::Passthrough(route) => {
                    Some(route)
                }
            })
            .collect(),
    }
}

/// The clusters of a route's backends.
pub(super) fn build_clusters(
    route: &ir::StreamRoute,
    options: &BuildOptions,
) -> impl Iterator<Item = BuiltCluster> {
    route.backends.iter().filter_map(|backend| {
        let destination = backend.destination.as_ref().ok()?;
        Some(cluster::build_stream_cluster(
            &backend.name,
            destination,
            options,
        ))
    })
}
