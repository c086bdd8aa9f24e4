//! Targets that are chosen by label. Those of other namespaces need a ReferenceGrant.

use std::collections::BTreeMap;

use tollgate_crds::PolicyTargetReference;
use tollgate_crds::envoy_gateway::backend_traffic_policy::{NamespacesFrom, TargetSelector};

use super::{Found, Targeting, name_target};
use crate::gateway::GatewayDraft;
use crate::reference_grant::{self, Reference};
use crate::status::{Problem, reason};
use crate::{NamespacedName, Options, World, groups};

/// Adds the objects that a selector means; says where it means none, or may not.
pub(super) fn add(
    context: (&World, &Options),
    gateways: &[GatewayDraft],
    (policy, field, selector): (&Targeting<'_>, &str, &TargetSelector),
    found: &mut Found,
) {
    let world = context.0;
    let kind = selector.kind.as_str();
    let labels = selector.labels();
    let mut selected = 0;
    for (name, own) in candidates(world, kind) {
        if !in_namespaces(world, &policy.name.namespace, (&name.namespace, selector))
            || !labels.selects(own)
        {
            continue;
        }
        let permitted = reference_grant::check(
            world,
            Reference {
                from: policy.kind,
                namespace: &policy.name.namespace,
                to: (groups::GATEWAY_API, kind),
                target: name,
                field,
            },
        );
        if let Err(problem) = permitted {
            found.warnings.push(problem);
            continue;
        }
        selected += 1;
        let reference = PolicyTargetReference {
            group: groups::GATEWAY_API.to_string(),
            kind: kind.to_string(),
            name: name.name.clone(),
            section_name: None,
        };
        let target = name_target(&name.namespace, &reference);
        found.add(context, gateways, (&reference, target));
    }
    if selected == 0 {
        let message = format!("{field}: no {kind} is selected");
        found
            .warnings
            .push(Problem::new(reason::TARGET_NOT_FOUND, message));
    }
}

type Labels = BTreeMap<String, String>;

fn candidates<'a>(world: &'a World, kind: &str) -> Vec<(&'a NamespacedName, Option<&'a Labels>)> {
    let routes = world.http_routes.iter();
    match kind {
        "Gateway" => {
            let gateways = world.gateways.iter();
            gateways
                .map(|(name, it)| (name, it.metadata.labels.as_ref()))
                .collect()
        }
        "HTTPRoute" => routes
            .map(|(name, it)| (name, it.metadata.labels.as_ref()))
            .collect(),
        "GRPCRoute" => {
            let routes = world.grpc_routes.iter();
            routes
                .map(|(name, it)| (name, it.metadata.labels.as_ref()))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn in_namespaces(world: &World, own: &str, (namespace, selector): (&str, &TargetSelector)) -> bool {
    let Some(namespaces) = &selector.namespaces else {
        return namespace == own;
    };
    match namespaces.from {
        NamespacesFrom::Same => namespace == own,
        NamespacesFrom::All => true,
        NamespacesFrom::Selector => {
            let object = world.namespaces.get(namespace);
            let mut labels = object
                .and_then(|it| it.metadata.labels.clone())
                .unwrap_or_default();
            // Kubernetes itself sets this one.
            labels.insert(
                "kubernetes.io/metadata.name".to_string(),
                namespace.to_string(),
            );
            let selector = namespaces.selector.as_ref();
            selector.is_some_and(|selector| selector.selects(Some(&labels)))
        }
    }
}
