//! Backends of a rule: where they are, and what share each has.

use tollgate_ir::{HttpAction, InvalidBackend, WeightedBackend};

use super::{RuleSite, filters};
use crate::backend_ref::{self, BackendRef};
use crate::k8s::http;
use crate::status::Problem;

/// Backends of a rule.
#[derive(Debug)]
pub(crate) struct Backends {
    pub(crate) action: HttpAction,
    /// What makes the rule unservable.
    pub(crate) problems: Vec<Problem>,
    /// References that lead nowhere; the others of the rule keep their share.
    pub(crate) ref_problems: Vec<Problem>,
}

/// The backends of a rule and what it does with them.
pub(super) fn translate(site: RuleSite<'_>, refs: &[http::HttpRouteRulesBackendRefs]) -> Backends {
    let mut problems = Vec::new();
    let mut ref_problems = Vec::new();
    let mut backends = Vec::new();
    for (index, reference) in refs.iter().enumerate() {
        let field = site.field(&format!("backendRefs[{index}]"));
        let http::HttpRouteRulesBackendRefs {
            filters,
            group,
            kind,
            name,
            namespace,
            port,
            weight,
        } = reference;
        let reference = BackendRef {
            group: group.as_deref(),
            kind: kind.as_deref(),
            namespace: namespace.as_deref(),
            name,
            port: *port,
            field: &field,
        };
        let context = (site.world, site.options);
        let destination = backend_ref::resolve(context, site.referrer(), &reference, site.usage());
        if let Err(problem) = &destination {
            ref_problems.push(problem.clone());
        }
        let filters = filters::of_backend(filters.as_deref(), &field);
        let filters = filters.unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        backends.push(WeightedBackend {
            name: site.backend_name(index),
            weight: u32::try_from(weight.unwrap_or(1)).unwrap_or_default(),
            filters,
            destination: destination.map_err(|problem| InvalidBackend {
                status: site.route_type.failure_status(),
                reason: problem.message,
            }),
        });
    }
    let fail = |reason: &str| HttpAction::Fail {
        status: site.route_type.failure_status(),
        reason: site.field(&format!("backendRefs: {reason}")),
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
