//! What a BackendTLSPolicy is told, for each Gateway with a route that leads to its targets.

use std::collections::{BTreeMap, BTreeSet};

use super::references::{self, Backend};
use super::{BackendTlsPolicies, KIND, Policy};
use crate::gateway::GatewayDraft;
use crate::status::{
    ACCEPTED, AncestorStatus, Condition, ObjectRef, ParentRef, Problem, Statuses, reason,
};
use crate::{NamespacedName, Options, World, groups, service};

/// Entries in one status (Gateway API, PolicyStatus).
const ANCESTORS_MAX: usize = 16;

/// Tells each policy what has come of it; after every route is placed.
pub(crate) fn report(
    world: &World,
    gateways: &[GatewayDraft],
    options: &Options,
    statuses: &mut Statuses,
) {
    let all = world.tls_policies();
    if all.policies.is_empty() {
        return;
    }
    for (name, ancestors) in ancestors(world, all, gateways) {
        let Some(policy) = all.policies.get(name) else {
            continue;
        };
        let conditions = conditions(policy);
        let object = ObjectRef::namespaced(KIND.0, KIND.1, name);
        statuses.entry(object).ancestors = ancestors
            .into_iter()
            .take(ANCESTORS_MAX)
            .map(|gateway| AncestorStatus {
                ancestor_ref: gateway,
                controller_name: options.controller_name.clone(),
                conditions: conditions.clone(),
            })
            .collect();
    }
}

/// The Gateways with routes that lead to the targets of each policy.
fn ancestors<'a>(
    world: &World,
    all: &'a BackendTlsPolicies,
    gateways: &[GatewayDraft],
) -> BTreeMap<&'a NamespacedName, BTreeSet<ParentRef>> {
    let mut found: BTreeMap<&NamespacedName, BTreeSet<ParentRef>> = BTreeMap::new();
    for gateway in gateways.iter().filter(|gateway| gateway.object.is_some()) {
        let routes: BTreeSet<&ObjectRef> = gateway
            .listeners
            .iter()
            .flat_map(|listener| &listener.attached)
            .collect();
        let backends: BTreeSet<Backend> = routes
            .into_iter()
            .flat_map(|route| references::backends(world, route))
            .collect();
        for backend in &backends {
            let section = section(world, backend);
            let concerned = all
                .meant(backend.kind, &backend.name)
                .filter(|target| match (&target.section, &section) {
                    (Some(wanted), Some(section)) => wanted == section,
                    (Some(_), None) => backend.kind != service::KIND,
                    (None, _) => true,
                });
            for target in concerned {
                let gateways = found.entry(&target.policy).or_default();
                gateways.insert(ancestor(&gateway.name));
            }
        }
    }
    found
}

/// The name of the port that a route uses of a Service.
fn section(world: &World, backend: &Backend) -> Option<String> {
    let spec = world.services.get(&backend.name)?.spec.as_ref()?;
    let mut ports = spec.ports.iter().flatten();
    let port = ports.find(|port| backend.kind == service::KIND && Some(port.port) == backend.port)?;
    port.name.clone()
}

fn ancestor(gateway: &NamespacedName) -> ParentRef {
    ParentRef {
        group: Some(groups::GATEWAY_API.to_string()),
        kind: Some("Gateway".to_string()),
        namespace: Some(gateway.namespace.clone()),
        name: gateway.name.clone(),
        ..ParentRef::default()
    }
}

fn conditions(policy: &Policy) -> Vec<Condition> {
    let generation = policy.generation;
    let lost: Vec<Problem> = policy
        .lost
        .iter()
        .map(|(target, owner)| {
            let message = format!("{} {owner} is older and targets {target} too", KIND.1);
            Problem::new(reason::CONFLICTED, message)
        })
        .collect();
    let accepted = match (&policy.validation.tls, Problem::join(&lost)) {
        (_, Some(problem)) if policy.held == 0 => Condition::fails(ACCEPTED, &problem, generation),
        (Err(problem), _) => {
            let message = format!("{}; its backends answer with an error", problem.message);
            let problem = Problem::new(problem.reason, message);
            Condition::fails(ACCEPTED, &problem, generation)
        }
        (Ok(_), _) => {
            let message = "the policy is valid";
            Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
        }
    };
    let mut warnings = policy.ignored.clone();
    if policy.held > 0 {
        warnings.extend(lost);
    }
    let mut conditions = vec![
        accepted,
        Condition::resolved_refs(&policy.validation.ref_problems, generation),
    ];
    conditions.extend(Condition::warning(&warnings, generation));
    conditions
}
