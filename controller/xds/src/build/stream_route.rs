//! Routes below HTTP: who gets which share.

use tollgate_ir as ir;

use super::names;

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
