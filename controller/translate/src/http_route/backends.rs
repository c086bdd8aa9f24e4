//! Backends of a rule: where they are, and what share each has.

use tollgate_ir::{HttpAction, InvalidBackend, WeightedBackend};

use super::{KIND, filters};
use crate::k8s::http;
use crate::reference_grant::{self, Reference};
use crate::status::{Problem, reason};
use crate::{NamespacedName, Options, World, backend, groups, names, service};

/// Backends of a rule.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) action: HttpAction,
    /// What makes the rule unservable.
    pub(super) problems: Vec<Problem>,
    /// References that lead nowhere; the others of the rule keep their share.
    pub(super) ref_problems: Vec<Problem>,
}

/// Status of a backend that cannot be used, and of a rule without backends (Gateway API,
/// HTTPRouteRule.backendRefs).
const INVALID_STATUS: u16 = 500;

/// The backends of a rule and what it does with them.
pub(super) fn translate(
    context: (&World, &Options),
    route: &NamespacedName,
    (rule, refs): (usize, &[http::HttpRouteRulesBackendRefs]),
) -> Backends {
    let mut problems = Vec::new();
    let mut ref_problems = Vec::new();
    let mut backends = Vec::new();
    for (index, reference) in refs.iter().enumerate() {
        let field = format!("spec.rules[{rule}].backendRefs[{index}]");
        let filters = filters::of_backend(reference.filters.as_deref(), &field);
        let destination = resolve(context, route, reference, &field);
        if let Err(problem) = &destination {
            ref_problems.push(problem.clone());
        }
        let filters = filters.unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        backends.push(WeightedBackend {
            name: names::http_backend(route, rule, index),
            weight: u32::try_from(reference.weight.unwrap_or(1)).unwrap_or_default(),
            filters,
            destination: destination.map_err(|problem| InvalidBackend {
                status: INVALID_STATUS,
                reason: problem.message,
            }),
        });
    }
    let fail = |reason: &str| HttpAction::Fail {
        status: INVALID_STATUS,
        reason: format!("spec.rules[{rule}].backendRefs: {reason}"),
    };
    let action = if backends.is_empty() {
        fail("there is no backend")
    } else if backends.iter().all(|backend| backend.weight == 0) {
        fail("every weight is 0")
    } else {
        HttpAction::Forward(backends)
    };
    Backends {
        action,
        problems,
        ref_problems,
    }
}

fn resolve(
    (world, options): (&World, &Options),
    route: &NamespacedName,
    reference: &http::HttpRouteRulesBackendRefs,
    field: &str,
) -> Result<tollgate_ir::Destination, Problem> {
    let group = reference.group.as_deref().unwrap_or(groups::CORE);
    let kind = reference.kind.as_deref().unwrap_or("Service");
    let namespace = reference.namespace.as_deref().unwrap_or(&route.namespace);
    let target = NamespacedName::new(namespace, &reference.name);
    if !matches!((group, kind), (groups::CORE, "Service") | backend::KIND) {
        return Err(Problem::new(
            reason::INVALID_KIND,
            format!(
                "{field}.kind: {kind:?} of group {group:?} is no backend; Service and Backend (gateway.envoyproxy.io) are"
            ),
        ));
    }
    reference_grant::check(
        world,
        Reference {
            from: KIND,
            namespace: &route.namespace,
            to: (group, kind),
            target: &target,
            field,
        },
    )?;
    if (group, kind) == backend::KIND {
        backend::destination(world, &target, field)
    } else {
        service::destination((world, options), &target, reference.port, field)
    }
}
