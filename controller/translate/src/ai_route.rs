//! AIGatewayRoute of Envoy AI Gateway: rules with header matches, whose backends are
//! AIServiceBackends at Backends.

mod costs;
mod matches;
mod security_policy;
mod service_backend;

use tollgate_bundle::{ModelListing, Rule, ValueMatch};
use tollgate_crds::Duration;
use tollgate_crds::envoy_ai_gateway::{
    AIGatewayRoute, AIGatewayRouteSpec, BackendRef, RouteRule, RuleTimeouts,
};
use tollgate_ir::{self as ir, Shared};

pub(crate) use security_policy::SecurityPolicies;
pub(crate) use service_backend::{KIND as SERVICE_BACKEND_KIND, report as report_service_backends};

use crate::ai_routes::{AiRouteDraft, AiRuleDraft, hostnames, parents};
use crate::ai_rule::{
    AiTarget, BackendDraft, IDLE_MS_DEFAULT, OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_MIN,
    build_backends, retry_default, usable,
};
use crate::gateway::GatewayDraft;
use crate::parent::RouteSource;
use crate::reference_grant::{self, Reference};
use crate::status::{ObjectRef, Problem, reason};
use crate::{NamespacedName, World, groups, world};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::ENVOY_AI_GATEWAY, "AIGatewayRoute");

/// Time for a whole answer where a rule names none, in milliseconds (upstream's default).
const REQUEST_MS_DEFAULT: u64 = 60_000;

/// A route, not yet attached.
pub(crate) fn draft(
    context: (&World, &SecurityPolicies),
    gateways: &[GatewayDraft],
    route: &AIGatewayRoute,
) -> AiRouteDraft {
    let name = world::key(&route.metadata);
    let AIGatewayRouteSpec {
        parent_refs,
        hostnames: hosts,
        rules,
        llm_request_costs,
    } = &route.spec;
    let mut draft = AiRouteDraft {
        source: RouteSource {
            object: ObjectRef::namespaced(KIND.0, KIND.1, &name).into(),
            generation: route.metadata.generation,
            hostnames: hostnames(hosts),
            parents: parents(parent_refs, gateways, &name.namespace),
            name: name.clone(),
        },
        metadata: route.metadata.clone(),
        rules: Vec::new(),
        problems: Vec::new(),
        ref_problems: Vec::new(),
        warnings: Vec::new(),
        budget: None,
    };
    for (index, rule) in rules.iter().enumerate() {
        add_rule(context, &name, (index, rule), &mut draft);
    }
    let costs = costs::translate(llm_request_costs, &mut draft.problems);
    for rule in &mut draft.rules {
        rule.rule.rule.costs.clone_from(&costs);
    }
    draft
}

fn add_rule(
    context: (&World, &SecurityPolicies),
    route: &NamespacedName,
    (index, rule): (usize, &RouteRule),
    draft: &mut AiRouteDraft,
) {
    let RouteRule {
        name,
        matches,
        backend_refs,
        timeouts,
        stream_idle_timeout,
        models_owned_by,
        models_created_at,
    } = rule;
    let field = format!("spec.rules[{index}]");
    let translated = matches::translate(matches, &field, &mut draft.problems);
    // A rule whose every match is wrong must not match everything.
    if translated.is_empty() && !matches.is_empty() {
        return;
    }
    let id = format!("{route}/{index}");
    let drafts = backend_refs
        .iter()
        .enumerate()
        .map(|(position, reference)| {
            let field = format!("{field}.backendRefs[{position}]");
            backend_draft(context, route, (reference, &field), draft)
        })
        .collect();
    let none = Problem::new(
        reason::INVALID,
        format!("{field}.backendRefs: there is no backend"),
    );
    if backend_refs.is_empty() {
        draft.problems.push(none.clone());
    }
    let (backends, destinations) = build_backends(&id, drafts, none);
    let created = models_created_at.as_ref().map_or_else(
        || world::created(&draft.metadata),
        |time| time.0.as_second(),
    );
    let models = exact_models(&translated)
        .into_iter()
        .map(|id| ModelListing {
            id,
            owned_by: models_owned_by.clone(),
            created,
        })
        .collect();
    draft.rules.push(AiRuleDraft {
        name: name.clone(),
        rule: Shared::new(ir::AiRule {
            timeouts: build_timeouts(timeouts.as_ref(), *stream_idle_timeout),
            retry: retry_default(usable(&destinations)),
            rate_limits: None,
            cluster_prefix: None,
            rule: Shared::new(Rule {
                id,
                route: route.to_string(),
                namespace: route.namespace.clone(),
                matches: translated,
                backends,
                budgets: Vec::new(),
                output_tokens_default: OUTPUT_TOKENS_DEFAULT,
                kept_headers: Vec::new(),
                costs: Vec::new(),
                output_tokens_min: OUTPUT_TOKENS_MIN,
                models,
            }),
            destinations,
        }),
        service_backends: service_backends(route, backend_refs),
    });
}

/// The AIServiceBackends that a rule refers to.
fn service_backends(
    route: &NamespacedName,
    references: &[BackendRef],
) -> Vec<Option<NamespacedName>> {
    references
        .iter()
        .map(|reference| {
            let (group, kind) = SERVICE_BACKEND_KIND;
            let is_one = reference.group.as_deref().unwrap_or(group) == group
                && reference.kind.as_deref().unwrap_or(kind) == kind;
            let namespace = reference.namespace.as_deref().unwrap_or(&route.namespace);
            is_one.then(|| NamespacedName::new(namespace, &reference.name))
        })
        .collect()
}

fn backend_draft(
    context: (&World, &SecurityPolicies),
    route: &NamespacedName,
    (reference, field): (&BackendRef, &str),
    draft: &mut AiRouteDraft,
) -> BackendDraft {
    let target = target(context, route, (reference, field));
    if let Err(problem) = &target {
        draft.ref_problems.push(problem.clone());
    }
    for (name, is_set) in [
        ("headerMutation", reference.header_mutation.is_some()),
        ("bodyMutation", reference.body_mutation.is_some()),
    ] {
        if is_set {
            draft
                .warnings
                .push(Problem::ignored(format!("{field}.{name}")));
        }
    }
    BackendDraft {
        name: reference.name.clone(),
        priority: reference.priority,
        weight: reference.weight,
        model: reference
            .model_name_override
            .clone()
            .filter(|model| !model.is_empty()),
        target,
    }
}

fn target(
    (world, policies): (&World, &SecurityPolicies),
    route: &NamespacedName,
    (reference, field): (&BackendRef, &str),
) -> Result<AiTarget, Problem> {
    let kind = reference.kind.as_deref().unwrap_or(service_backend::KIND.1);
    let group = reference
        .group
        .as_deref()
        .unwrap_or(service_backend::KIND.0);
    if (group, kind) != service_backend::KIND {
        return Err(Problem::new(
            reason::INVALID_KIND,
            format!("{field}.kind: {kind} of group {group} is not served yet; AIServiceBackend is"),
        ));
    }
    let namespace = reference.namespace.as_deref().unwrap_or(&route.namespace);
    let name = NamespacedName::new(namespace, &reference.name);
    reference_grant::check(
        world,
        Reference {
            from: KIND,
            namespace: &route.namespace,
            to: service_backend::KIND,
            target: &name,
            field,
        },
    )?;
    let prefix = |problem: Problem| {
        Problem::new(
            problem.reason,
            format!("{field}: AIServiceBackend {name}: {}", problem.message),
        )
    };
    let backend = world.ai_service_backends.get(&name).ok_or_else(|| {
        Problem::new(
            reason::BACKEND_NOT_FOUND,
            format!("{field}: AIServiceBackend {name} does not exist"),
        )
    })?;
    let (api, destination) = service_backend::locate(world, &name, backend).map_err(prefix)?;
    Ok(AiTarget {
        api,
        credential: policies.credential(&name).map_err(prefix)?,
        destination,
    })
}

/// Models that the matches name; expressions cannot be listed.
fn exact_models(matches: &[tollgate_bundle::Match]) -> Vec<String> {
    let mut models = Vec::new();
    for it in matches {
        if let Some(ValueMatch::Exact(model)) = &it.model
            && !models.contains(model)
        {
            models.push(model.clone());
        }
    }
    models
}

/// Zero is no limit, as in Gateway API.
fn build_timeouts(timeouts: Option<&RuleTimeouts>, idle: Option<Duration>) -> ir::Timeouts {
    let limit = |duration: Duration| Some(duration.as_millis()).filter(|ms| *ms != 0);
    ir::Timeouts {
        request_ms: match timeouts.and_then(|timeouts| timeouts.request) {
            Some(request) => limit(request),
            None => Some(REQUEST_MS_DEFAULT),
        },
        attempt_ms: timeouts
            .and_then(|timeouts| timeouts.backend_request)
            .and_then(limit),
        idle_ms: match idle {
            Some(idle) => limit(idle),
            None => Some(IDLE_MS_DEFAULT),
        },
    }
}
