//! GatewayClass: which classes, and so which Gateways, are ours.

use crate::options::ENVOY_GATEWAY_CONTROLLER_NAME;
use crate::status::{ACCEPTED, Condition, ObjectRef, Statuses, reason};
use crate::{Options, World, groups, k8s};

/// Says of every class of ours that it is accepted.
pub(crate) fn translate(world: &World, options: &Options, statuses: &mut Statuses) {
    for (name, class) in &world.gateway_classes {
        if !is_ours(class, options) {
            continue;
        }
        let object = ObjectRef::cluster_wide(groups::GATEWAY_API, "GatewayClass", name);
        statuses.entry(object).conditions.push(Condition::holds(
            ACCEPTED,
            reason::ACCEPTED,
            "Gateways of this class are served by Tollgate",
            class.metadata.generation,
        ));
    }
}

/// Whether a Gateway with this class is ours. On a machine of our own a file may name a class
/// and leave it out.
pub(crate) fn manages(world: &World, options: &Options, class: &str) -> bool {
    match world.gateway_classes.get(class) {
        Some(class) => is_ours(class, options),
        None => options.standalone().is_some(),
    }
}

fn is_ours(class: &k8s::GatewayClass, options: &Options) -> bool {
    let name = &class.spec.controller_name;
    *name == options.controller_name
        || (options.standalone().is_some() && name == ENVOY_GATEWAY_CONTROLLER_NAME)
}
