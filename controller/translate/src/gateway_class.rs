//! GatewayClass: which classes, and so which Gateways, are ours, and what they can do.

mod features;

use crate::options::ENVOY_GATEWAY_CONTROLLER_NAME;
use crate::status::{ACCEPTED, Condition, ObjectRef, Statuses, SupportedFeature, reason};
use crate::{Options, World, groups, k8s};

/// Condition type: the definitions of Gateway API are of a version that we know.
const SUPPORTED_VERSION: &str = "SupportedVersion";

/// Says of every class of ours that it is accepted, and what can be asked of it.
pub(crate) fn translate(world: &World, options: &Options, statuses: &mut Statuses) {
    for (name, class) in &world.gateway_classes {
        if !is_ours(class, options) {
            continue;
        }
        let generation = class.metadata.generation;
        let object = ObjectRef::cluster_wide(groups::GATEWAY_API, "GatewayClass", name);
        let status = statuses.entry(object);
        status.conditions.push(Condition::holds(
            ACCEPTED,
            reason::ACCEPTED,
            "Gateways of this class are served by Tollgate",
            generation,
        ));
        // Which definitions a cluster has is read by whoever watches it; a kind or field that
        // they lack cannot be in an object.
        status.conditions.push(Condition::holds(
            SUPPORTED_VERSION,
            SUPPORTED_VERSION,
            format!("Tollgate knows Gateway API {}", features::BUNDLE_VERSION),
            generation,
        ));
        status.supported_features = features::SUPPORTED
            .map(|name| SupportedFeature { name })
            .to_vec();
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
        || options.claimed_names.contains(name)
        || (options.standalone().is_some() && name == ENVOY_GATEWAY_CONTROLLER_NAME)
}
