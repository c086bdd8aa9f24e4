//! Fleets: the proxies that a Gateway, or all Gateways of a class, shall have, and what is known
//! of them in the Gateways' statuses.
//!
//! Only in a cluster: on a machine of our own there is one proxy and nobody to make more. Fed by
//! the listeners that `gateway` has assembled; feeds `tollgate-fleet`.

mod build;
mod ignored;
mod merge;
mod name;
mod parameters;
mod spec;
mod status;

use std::collections::BTreeMap;

use tollgate_ir as ir;

pub use ignored::is_envoy_alone;
pub use merge::{json_merge, strategic_merge};
pub use spec::{
    FleetAction, FleetAddress, FleetOwner, FleetPort, FleetScope, FleetSpec, FleetState, Transport,
};

use crate::gateway::Infrastructure;
use crate::{NamespacedName, Options, Statuses, World};

use parameters::Parameters;

/// A Gateway of ours, and what it asks for.
pub(crate) struct Wish<'a> {
    pub(crate) gateway: NamespacedName,
    pub(crate) infrastructure: Infrastructure,
    pub(crate) listeners: &'a [ir::Listener],
}

/// What each Gateway asks for, in the order given, with what it serves.
pub(crate) fn wishes(
    asked: Vec<(NamespacedName, Infrastructure)>,
    gateways: &BTreeMap<String, ir::Gateway>,
) -> Vec<Wish<'_>> {
    let listeners = |name: &NamespacedName| {
        let gateway = gateways.get(&name.to_string());
        gateway.map_or([].as_slice(), |it| &it.listeners)
    };
    asked
        .into_iter()
        .map(|(gateway, infrastructure)| Wish {
            listeners: listeners(&gateway),
            gateway,
            infrastructure,
        })
        .collect()
}

/// The fleets by their keys, from the Gateways of ours, oldest first. Their statuses, and those of
/// classes and EnvoyProxies, are written too.
pub(crate) fn translate(
    (world, options): (&World, &Options),
    wishes: &[Wish<'_>],
    statuses: &mut Statuses,
) -> BTreeMap<String, FleetSpec> {
    let Some(cluster) = options.cluster() else {
        return BTreeMap::new();
    };
    let parameters = Parameters::read((world, options, cluster), wishes);
    status::refuse((world, &parameters), wishes, statuses);
    let fleets = build::fleets((world, cluster, &parameters), wishes, statuses);
    status::report(world, (wishes, &fleets), statuses);
    parameters.report(options, statuses);
    fleets.into_iter().map(|it| (it.key(), it)).collect()
}

#[cfg(test)]
mod tests;
