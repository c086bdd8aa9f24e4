//! The compact AIGatewayRoute: providers in one object, one rule for each model clients ask for.

mod retry;

use tollgate_bundle::{Budget, Match, ModelListing, Rule, ValueMatch};
use tollgate_crds::envoy_gateway::CompactAIGatewayRoute;
use tollgate_crds::envoy_gateway::compact_ai_gateway_route::{
    CompactAIGatewayRouteSpec, CompactBackend, CompactTimeouts, OutputTokens,
};
use tollgate_ir::{self as ir, Shared};

use crate::ai_routes::{AiRouteDraft, AiRuleDraft, hostnames, parents, refuse};
use crate::ai_rule::{
    AiTarget, BackendDraft, IDLE_MS_DEFAULT, OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_MIN,
    build_backends, usable,
};
use crate::gateway::GatewayDraft;
use crate::parent::RouteSource;
use crate::reference_grant::{self, Reference};
use crate::status::{ObjectRef, Problem, reason};
use crate::{NamespacedName, Options, World, groups, provider, secret, token_budget, world};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::ENVOY_GATEWAY, "AIGatewayRoute");

/// A route, not yet attached. Of other routes [`shares_its_name`] alone has a part in it.
pub(crate) fn draft(
    (world, options): (&World, &Options),
    gateways: &[GatewayDraft],
    route: &CompactAIGatewayRoute,
) -> AiRouteDraft {
    let name = world::key(&route.metadata);
    let CompactAIGatewayRouteSpec {
        parent_refs,
        hostnames: hosts,
        backends,
        retry,
        timeouts,
        rate_limit,
        output_tokens,
    } = &route.spec;
    let mut warnings = Vec::new();
    let retry = retry.as_ref().map(crate::compact_ai_route::retry::resolve);
    if let Some(retry) = &retry {
        warnings.extend(retry.warnings.iter().cloned());
    }
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
        warnings,
        budget: None,
    };
    let prefix = id_prefix(world, &name);
    for (index, model) in client_models(backends).into_iter().enumerate() {
        let id = format!("{prefix}{name}/{index}");
        let drafts = backend_drafts((world, options), &name, (backends, model), &mut draft);
        let (backends, destinations) = build_backends(&id, drafts, no_backends());
        let rule = Rule {
            matches: vec![Match {
                model: Some(ValueMatch::Exact(model.to_string())),
                headers: Vec::new(),
            }],
            models: vec![listing(route, model, &backends)],
            ..rule(id, &name, output_tokens.as_ref())
        };
        draft.rules.push(AiRuleDraft {
            name: None,
            rule: Shared::new(ir::AiRule {
                timeouts: build_timeouts(timeouts.as_ref(), retry.as_ref()),
                retry: retry::build(retry.as_ref(), usable(&destinations)),
                rate_limits: None,
                cluster_prefix: None,
                rule: Rule { backends, ..rule }.into(),
                destinations,
            }),
            service_backends: Vec::new(),
        });
    }
    if let Some(budget) = rate_limit
        .as_ref()
        .and_then(|limit| limit.token_budget.as_ref())
    {
        let id = budget_id(world, &name);
        match token_budget::build_compact(id, budget) {
            Ok((budget, warnings)) => {
                draft.warnings.extend(warnings);
                hold(&mut draft, budget);
            }
            Err(problem) => {
                refuse(
                    draft.rules.iter_mut().map(|rule| &mut *rule.rule),
                    &problem.message,
                );
                draft.problems.push(problem);
            }
        }
    }
    draft
}

/// Models as clients name them, in order of first appearance.
fn client_models(backends: &[CompactBackend]) -> Vec<&str> {
    let mut models = Vec::new();
    for backend in backends {
        let model = client_model(backend);
        if !models.contains(&model) {
            models.push(model);
        }
    }
    models
}

fn client_model(backend: &CompactBackend) -> &str {
    backend
        .model_name_override
        .as_deref()
        .unwrap_or(&backend.model)
}

fn backend_drafts(
    context: (&World, &Options),
    route: &NamespacedName,
    (backends, model): (&[CompactBackend], &str),
    draft: &mut AiRouteDraft,
) -> Vec<BackendDraft> {
    let mut drafts = Vec::new();
    for (index, backend) in backends.iter().enumerate() {
        if client_model(backend) != model {
            continue;
        }
        let field = format!("spec.backends[{index}]");
        let target = target(context, route, (backend, &field));
        if let Err(problem) = &target {
            draft.ref_problems.push(problem.clone());
        }
        drafts.push(BackendDraft {
            name: backend.name.clone(),
            priority: backend.priority,
            weight: backend.weight,
            model: (backend.model != model).then(|| backend.model.clone()),
            target,
        });
    }
    drafts
}

fn target(
    (world, options): (&World, &Options),
    route: &NamespacedName,
    (backend, field): (&CompactBackend, &str),
) -> Result<AiTarget, Problem> {
    let (api, destination) = provider::locate(options, backend, field)?;
    let Some(auth) = &backend.auth else {
        return Ok(AiTarget {
            api,
            credential: None,
            destination,
        });
    };
    let reference = &auth.api_key_ref;
    let namespace = reference.namespace.as_deref().unwrap_or(&route.namespace);
    let name = NamespacedName::new(namespace, &reference.name);
    let field = format!("{field}.auth.apiKeyRef");
    reference_grant::check(
        world,
        Reference {
            from: KIND,
            namespace: &route.namespace,
            to: (groups::CORE, "Secret"),
            target: &name,
            field: &field,
        },
    )?;
    let key = secret::api_key(world, &name, (reference.key.as_deref(), &field))?;
    Ok(AiTarget {
        credential: Some(provider::credential(&api, &key)),
        api,
        destination,
    })
}

/// A rule without matches, backends and models.
fn rule(id: String, route: &NamespacedName, output: Option<&OutputTokens>) -> Rule {
    Rule {
        id,
        route: route.to_string(),
        namespace: route.namespace.clone(),
        matches: Vec::new(),
        backends: Vec::new(),
        budgets: Vec::new(),
        output_tokens_default: output
            .and_then(|it| it.default)
            .unwrap_or(OUTPUT_TOKENS_DEFAULT),
        kept_headers: Vec::new(),
        costs: Vec::new(),
        output_tokens_min: output
            .and_then(|it| it.minimum)
            .unwrap_or(OUTPUT_TOKENS_MIN),
        models: Vec::new(),
    }
}

fn listing(
    route: &CompactAIGatewayRoute,
    model: &str,
    backends: &[tollgate_bundle::Backend],
) -> ModelListing {
    ModelListing {
        id: model.to_string(),
        owned_by: backends
            .first()
            .map(|backend| backend.name.clone())
            .unwrap_or_default(),
        created: world::created(&route.metadata),
    }
}

fn build_timeouts(
    timeouts: Option<&CompactTimeouts>,
    retry: Option<&retry::RetryDraft>,
) -> ir::Timeouts {
    let limit = |duration: Option<tollgate_crds::Duration>| {
        duration
            .map(tollgate_crds::Duration::as_millis)
            .filter(|ms| *ms != 0)
    };
    let idle = timeouts.and_then(|timeouts| timeouts.stream_idle);
    ir::Timeouts {
        request_ms: limit(timeouts.and_then(|timeouts| timeouts.request)),
        attempt_ms: limit(timeouts.and_then(|timeouts| timeouts.per_try))
            .or_else(|| limit(retry.and_then(|retry| retry.attempt))),
        idle_ms: match idle {
            Some(idle) => limit(Some(idle)),
            None => Some(IDLE_MS_DEFAULT),
        },
    }
}

fn hold(draft: &mut AiRouteDraft, budget: Budget) {
    for rule in &mut draft.rules {
        rule.rule.rule.budgets.push(budget.id.clone());
    }
    draft.budget = Some(budget);
}

/// Whether there is an AIGatewayRoute of the other kind of this name.
pub(crate) fn shares_its_name(world: &World, name: &NamespacedName) -> bool {
    world.ai_gateway_routes.contains_key(name)
}

/// Ids stay those of the plain form unless the other kind of AIGatewayRoute has the same name.
fn id_prefix(world: &World, name: &NamespacedName) -> &'static str {
    if shares_its_name(world, name) {
        "compact:"
    } else {
        ""
    }
}

fn budget_id(world: &World, name: &NamespacedName) -> String {
    if world.token_budgets.contains_key(name) {
        format!("compact:{name}")
    } else {
        name.to_string()
    }
}

fn no_backends() -> Problem {
    Problem::new(reason::INVALID, "spec.backends: there is no backend")
}
