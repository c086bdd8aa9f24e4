//! What EnvoyProxies say that proxies are told with their gateway: telemetry, and changes of what
//! Envoy starts with. All else that they say makes the pods, and stands in the
//! [`FleetSpec`](super::FleetSpec).

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};
use tollgate_crds::envoy_gateway::EnvoyProxySpec;
use tollgate_ir as ir;

use super::Wish;
use super::parameters::{Parameters, class_of};
use crate::gateway::MERGED_NAMESPACE;
use crate::telemetry::{self, Site};
use crate::{NamespacedName, Options, World, bootstrap};

/// An EnvoyProxy as it is in effect for a Gateway, or for all of a class.
struct InEffect {
    /// Name of what it is in effect for, as names in the IR begin.
    gateway: NamespacedName,
    /// The EnvoyProxy that is told, and in whose namespace references lead; of two that are merged
    /// the Gateway's.
    proxy: Option<NamespacedName>,
    spec: EnvoyProxySpec,
}

/// Puts it into the gateways. What is wrong is noted for the EnvoyProxies.
pub(super) fn put(
    (world, options): (&World, &Options),
    (parameters, wishes): (&mut Parameters<'_>, &[Wish]),
    gateways: &mut BTreeMap<String, ir::Gateway>,
) {
    let mut in_effect = BTreeMap::new();
    for wish in wishes {
        let class = class_of(world, &wish.gateway);
        let (key, it) = match parameters.merges(class) {
            true => (class.to_string(), of_class(parameters, class)),
            false => (
                wish.gateway.to_string(),
                of_gateway(parameters, &wish.gateway, class),
            ),
        };
        in_effect.entry(key).or_insert(it);
    }
    for (key, gateway) in gateways {
        let Some(InEffect {
            gateway: name,
            proxy,
            spec,
        }) = in_effect.get(key)
        else {
            continue;
        };
        gateway.telemetry = telemetry::by_default(options, name);
        let Some(proxy) = proxy else { continue };
        let site = Site {
            world,
            options,
            namespace: &proxy.namespace,
            gateway: name,
        };
        if let Some(settings) = &spec.telemetry {
            let (told, problems) = telemetry::translate(site, settings);
            gateway.telemetry = told;
            parameters.note(proxy, problems);
        }
        let (bootstrap, problems) = bootstrap::translate(site, spec);
        gateway.bootstrap = bootstrap;
        parameters.note(proxy, problems);
    }
}

/// Names what Envoy starts with; `None` is the usual. What stands in the EnvoyProxy counts as well:
/// values of headers do not show in the IR.
pub(super) fn digest(spec: &EnvoyProxySpec, bootstrap: &ir::Bootstrap) -> Option<String> {
    if bootstrap.is_default() {
        return None;
    }
    let metrics = spec.telemetry.as_ref().and_then(|it| it.metrics.as_ref());
    let content = json!([bootstrap, spec.bootstrap, metrics]).to_string();
    let digest = Sha256::digest(content.as_bytes());
    let digits = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
    Some(digits.collect())
}

fn of_class(parameters: &Parameters<'_>, class: &str) -> InEffect {
    InEffect {
        gateway: NamespacedName::new(MERGED_NAMESPACE, class),
        proxy: parameters.name_for_class(class),
        spec: parameters.for_class(class),
    }
}

fn of_gateway(parameters: &Parameters<'_>, gateway: &NamespacedName, class: &str) -> InEffect {
    InEffect {
        gateway: gateway.clone(),
        proxy: parameters.name_for_gateway(gateway, class),
        // What is wrong with it is in the Gateway's status.
        spec: parameters.for_gateway(gateway, class).unwrap_or_default(),
    }
}
