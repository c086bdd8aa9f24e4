//! From a reference to its EnvoyProxy: where it leads, who may refer, and what two of them are
//! together. Pure. Read by `parameters`.

use serde_json::{Value, json};
use tollgate_crds::envoy_gateway::envoy_proxy::ProxyMergeType;
use tollgate_crds::envoy_gateway::{EnvoyProxy, EnvoyProxySpec};
use tollgate_crds::{Object, parse_object};

use crate::fleet::{json_merge, strategic_merge};
use crate::options::{Cluster, FleetPlacement};
use crate::status::{Problem, reason};
use crate::{NamespacedName, World, groups};

/// The EnvoyProxy that a reference leads to.
///
/// # Errors
/// When it leads nowhere.
pub(super) fn follow<'a>(
    world: &'a World,
    (group, kind): (&str, &str),
    (namespace, name): (Option<&str>, &str),
) -> Result<&'a EnvoyProxy, Problem> {
    let problem = |message| Problem::new(reason::INVALID_PARAMETERS, message);
    if (group, kind) != (groups::ENVOY_GATEWAY, "EnvoyProxy") {
        return Err(problem(format!(
            "parametersRef: {group}/{kind} cannot say how proxies are run; EnvoyProxy of {} can",
            groups::ENVOY_GATEWAY
        )));
    }
    let Some(namespace) = namespace else {
        return Err(problem(format!(
            "parametersRef.namespace is required: EnvoyProxy {name} is in one"
        )));
    };
    let name = NamespacedName::new(namespace, name);
    world.envoy_proxies.get(&name).ok_or_else(|| {
        problem(format!(
            "parametersRef: EnvoyProxy {name} does not exist, or cannot be read"
        ))
    })
}

/// The EnvoyProxy of a Gateway over that of its class.
///
/// # Errors
/// When what they are together breaks a rule of the kind.
pub(super) fn merged(base: &EnvoyProxy, own: &EnvoyProxy) -> Result<EnvoyProxySpec, Problem> {
    let merge = match own.spec.merge_type {
        None | Some(ProxyMergeType::Replace) => return Ok(own.spec.clone()),
        Some(ProxyMergeType::StrategicMerge) => strategic_merge,
        Some(ProxyMergeType::JSONMerge) => json_merge,
    };
    let (base_name, own_name) = (
        crate::world::key(&base.metadata),
        crate::world::key(&own.metadata),
    );
    let mut spec = as_json(&base.spec);
    merge(&mut spec, &as_json(&own.spec));
    let whole = json!({
        "apiVersion": format!("{}/v1alpha1", groups::ENVOY_GATEWAY),
        "kind": "EnvoyProxy",
        "metadata": {"namespace": own_name.namespace, "name": own_name.name},
        "spec": spec,
    });
    let problem = |message: String| {
        let message = format!("EnvoyProxy {own_name} merged into {base_name}: {message}");
        Problem::new(reason::INVALID_PARAMETERS, message)
    };
    match parse_object(whole) {
        Ok(Object::EnvoyProxy(proxy)) => Ok(proxy.spec),
        Ok(_) => Err(problem("is not an EnvoyProxy".to_string())),
        Err(error) => Err(problem(error.to_string())),
    }
}

/// Always has a form: its maps have texts for keys. What is none stands for what says nothing.
fn as_json(spec: &EnvoyProxySpec) -> Value {
    serde_json::to_value(spec).unwrap_or_default()
}

/// An EnvoyProxy can put any volume and any container into its pods: in the controller's namespace
/// it would reach the controller's Secrets, the authority's key among them.
pub(super) fn may_say(cluster: &Cluster, gateway: &NamespacedName) -> Result<(), Problem> {
    let shares = cluster.placement == FleetPlacement::ControllerNamespace
        && gateway.namespace != cluster.namespace;
    if !shares {
        return Ok(());
    }
    Err(Problem::new(
        reason::INVALID_PARAMETERS,
        format!(
            "parametersRef: proxies run in namespace {}, where a Gateway of namespace {} cannot say how; its GatewayClass can",
            cluster.namespace, gateway.namespace
        ),
    ))
}
