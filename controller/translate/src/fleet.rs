//! Fleets: the proxies that a Gateway, or all Gateways of a class, shall have, and what is known
//! of them in the Gateways' statuses.
//!
//! Only in a cluster: on a machine of our own there is one proxy and nobody to make more. Fed by
//! the listeners that `gateway` has assembled; feeds `tollgate-fleet`.

mod bind_ports;
mod build;
mod effect;
mod ignored;
mod kubernetes_types;
mod merge;
mod name;
mod parameters;
mod spec;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir as ir;

pub(crate) use bind_ports::separate;
pub use ignored::is_envoy_alone;
pub use merge::{json_merge, strategic_merge};
pub use spec::{
    FleetAction, FleetAddress, FleetOwner, FleetPort, FleetScope, FleetSpec, FleetState, Transport,
};

use crate::gateway::{GatewayDraft, Infrastructure, ListenerDraft};
use crate::{NamespacedName, Options, Statuses, World};

use parameters::Parameters;

/// A Gateway of ours, and what it asks for.
pub(crate) struct Wish {
    pub(crate) gateway: NamespacedName,
    pub(crate) infrastructure: Infrastructure,
    /// Whether any of its listeners is served.
    pub(crate) is_served: bool,
}

/// Classes of ours whose Gateways share one fleet.
pub(crate) fn merged_classes<'a>(world: &'a World, options: &Options) -> BTreeSet<&'a str> {
    match options.cluster() {
        Some(_) => Parameters::read((world, options), &[]).merged_classes(),
        None => BTreeSet::new(),
    }
}

/// What each Gateway asks for, in the same order.
pub(crate) fn wishes(drafts: &[GatewayDraft]) -> Vec<Wish> {
    let wish = |draft: &GatewayDraft| Wish {
        gateway: draft.name.clone(),
        infrastructure: draft.infrastructure.clone(),
        is_served: draft.listeners.iter().any(ListenerDraft::is_served),
    };
    drafts.iter().map(wish).collect()
}

/// The fleets by their keys, which are those of the IR, from the Gateways of ours, oldest first.
/// What proxies are told of them is put into the IR, on a machine of our own too. Their statuses,
/// and those of classes and EnvoyProxies, are written.
pub(crate) fn translate(
    (world, options): (&World, &Options),
    (wishes, gateways): (&[Wish], &mut BTreeMap<String, ir::Gateway>),
    statuses: &mut Statuses,
) -> BTreeMap<String, FleetSpec> {
    let mut parameters = Parameters::read((world, options), wishes);
    effect::put((world, options), (&mut parameters, wishes), gateways);
    let Some(cluster) = options.cluster() else {
        parameters.report(options, statuses);
        return BTreeMap::new();
    };
    status::refuse((world, &parameters), wishes, statuses);
    let mut fleets = build::fleets((world, cluster, &parameters), wishes, statuses);
    for fleet in &mut fleets {
        let served = gateways.get(&fleet.key());
        build::set_ports(fleet, served.map_or(&[], |it| &it.listeners));
        fleet.bootstrap = served.and_then(|it| effect::digest(&fleet.proxy, &it.bootstrap));
    }
    status::report(world, (wishes, &fleets), statuses);
    parameters.report(options, statuses);
    fleets.into_iter().map(|it| (it.key(), it)).collect()
}

#[cfg(test)]
mod tests;
