//! The entry: all objects of a fleet but its identity, in the order in which they are applied.

use serde_json::Value;
use tollgate_translate::FleetSpec;

use crate::{FleetOptions, metadata, scaling, service, workload};

/// The objects that run a fleet: ServiceAccount, Service, Deployment or DaemonSet,
/// PodDisruptionBudget and HorizontalPodAutoscaler, as far as they are wanted. The Secret with the
/// fleet's identity is [`crate::identity_secret`]'s.
///
/// Each has our labels and its owner whatever a patch says, so that it is found again.
pub fn render(spec: &FleetSpec, options: &FleetOptions) -> Vec<Value> {
    let mut objects = vec![metadata::service_account(spec)];
    objects.extend(service::render(spec));
    objects.push(workload::render(spec, options));
    objects.extend(scaling::disruption_budget(spec, options));
    objects.extend(scaling::autoscaler(spec));
    objects
}
