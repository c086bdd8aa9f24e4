//! What a BackendTLSPolicy is told, for each Gateway with a route that leads to its targets.

use std::collections::{BTreeMap, BTreeSet};

use super::references::{self, Backend};
use super::{BackendTlsPolicies, KIND, Policy, Target};
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
    for (name, reach) in reaches(world, all, gateways) {
        let Some(policy) = all.policies.get(name) else {
            continue;
        };
        let Reach { ancestors, missing } = reach;
        let missing: Vec<Problem> = missing.into_iter().collect();
        let conditions = conditions(policy, missing);
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

/// Where a policy has a say.
#[derive(Debug, Default)]
struct Reach {
    /// Gateways with routes that lead to its targets.
    ancestors: BTreeSet<ParentRef>,
    /// Parts that its targets do not have.
    missing: BTreeSet<Problem>,
}

fn reaches<'a>(
    world: &World,
    all: &'a BackendTlsPolicies,
    gateways: &[GatewayDraft],
) -> BTreeMap<&'a NamespacedName, Reach> {
    let mut found: BTreeMap<&NamespacedName, Reach> = BTreeMap::new();
    for gateway in gateways.iter().filter(|gateway| gateway.object.is_some()) {
        let routes: BTreeSet<&ObjectRef> = gateway
            .listeners
            .iter()
            .flat_map(|listener| &listener.attached)
            .map(|route| &**route)
            .collect();
        let backends: BTreeSet<Backend> = routes
            .into_iter()
            .flat_map(|route| references::backends(world, route))
            .collect();
        for backend in &backends {
            let section = section(world, backend);
            for target in all.meant(backend.kind, &backend.name) {
                let missing = missing(world, backend, target);
                let concerned = match (&target.section, &section) {
                    (Some(wanted), Some(section)) => wanted == section,
                    (Some(_), None) => backend.kind != service::KIND,
                    (None, _) => true,
                };
                if concerned || missing.is_some() {
                    let reach = found.entry(&target.policy).or_default();
                    reach.ancestors.insert(ancestor(&gateway.name));
                    reach.missing.extend(missing);
                }
            }
        }
    }
    found
}

/// A port that a policy names and the Service does not have.
fn missing(world: &World, backend: &Backend, target: &Target) -> Option<Problem> {
    let wanted = target.section.as_ref()?;
    if backend.kind != service::KIND {
        return None;
    }
    let service = world.services.get(&backend.name)?;
    let mut ports = service
        .spec
        .iter()
        .flat_map(|spec| spec.ports.iter().flatten());
    if ports.any(|port| port.name.as_ref() == Some(wanted)) {
        return None;
    }
    Some(Problem::new(
        reason::TARGET_NOT_FOUND,
        format!(
            "spec.targetRefs: Service {} has no port named {wanted}",
            backend.name
        ),
    ))
}

/// The name of the port that a route uses of a Service.
fn section(world: &World, backend: &Backend) -> Option<String> {
    let spec = world.services.get(&backend.name)?.spec.as_ref()?;
    let mut ports = spec.ports.iter().flatten();
    let port =
        ports.find(|port| backend.kind == service::KIND && Some(port.port) == backend.port)?;
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

fn conditions(policy: &Policy, mut missing: Vec<Problem>) -> Vec<Condition> {
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
        _ if missing.len() == policy.held && !missing.is_empty() => {
            Condition::fails(ACCEPTED, &missing.remove(0), generation)
        }
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
    warnings.extend(missing);
    let mut conditions = vec![
        accepted,
        Condition::resolved_refs(&policy.validation.ref_problems, generation),
    ];
    conditions.extend(Condition::warning(&warnings, generation));
    conditions
}
