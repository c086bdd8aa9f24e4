//! AI routes of both groups: drafted, attached, held against budgets and placed, oldest first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_bundle::{Budget, Match, ValueMatch};
use tollgate_crds::ParentReference;
use tollgate_ir::{self as ir, Hostname, Shared};

use crate::ai_route::SecurityPolicies;
use crate::ai_rule::{by_precedence, refuse_backend};
use crate::backend_traffic_policy::Effect;
use crate::gateway::{GatewayDraft, Gateways};
use crate::memo::Known;
use crate::parent::{
    Attachment, RouteSource, attach, listener_mut, note_attached, statuses as parent_statuses,
};
use crate::quota_policy::Quotas;
use crate::route_policies::RoutePolicies;
use crate::sort::age_order;
use crate::status::{
    ACCEPTED, Condition, PARTIALLY_INVALID, ParentRef, Problem, Status, Statuses, reason,
};
use crate::{NamespacedName, Options, World, ai_route, compact_ai_route, token_budget};

/// An AI route of either group before it is placed.
#[derive(Debug)]
pub(crate) struct AiRouteDraft {
    pub(crate) source: RouteSource,
    pub(crate) metadata: ObjectMeta,
    pub(crate) rules: Vec<AiRuleDraft>,
    /// What keeps a part of the route from being served as written.
    pub(crate) problems: Vec<Problem>,
    /// References that lead nowhere; backends beside them keep serving.
    pub(crate) ref_problems: Vec<Problem>,
    /// What works otherwise than hoped.
    pub(crate) warnings: Vec<Problem>,
    /// The budget written in the route itself.
    pub(crate) budget: Option<Budget>,
}

/// A rule of an AI route.
#[derive(Debug)]
pub(crate) struct AiRuleDraft {
    /// Its `name`, by which a policy may select it.
    pub(crate) name: Option<String>,
    pub(crate) rule: Shared<ir::AiRule>,
    /// The AIServiceBackends behind the rule's backends, in their order; `None`, and what is
    /// beyond the end, is no such object.
    pub(crate) service_backends: Vec<Option<NamespacedName>>,
}

/// A draft and the listeners that take it, as far as neither depends on other routes.
#[derive(Debug)]
pub(crate) struct AttachedAiRoute {
    pub(crate) draft: AiRouteDraft,
    pub(crate) attachment: Attachment,
    /// What it is told if no policy, budget or other route has a say; `None`: nothing.
    told: Option<Shared<Status>>,
}

/// What has turned out where a route was placed.
#[derive(Debug, Default)]
struct Placed {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// Places all AI routes; gives the definitions of their budgets, by id. Those that are `known` are
/// not worked out again.
pub(crate) fn translate<'w>(
    (world, options): (&'w World, &Options),
    known: &mut Known<AttachedAiRoute>,
    gateways: &mut Gateways,
    traffic: &mut RoutePolicies<'w>,
    statuses: &mut Statuses,
) -> BTreeMap<String, Budget> {
    let policies = ai_route::SecurityPolicies::new(world, statuses);
    ai_route::report_service_backends(world, &policies, statuses);
    let routes = attached((world, options), &policies, known, gateways);
    for route in &routes {
        note_attached(gateways, &route.attachment, &route.draft.source.object);
    }
    let mut budgets = token_budget::translate(world, gateways, &routes, statuses);
    let mut quotas = Quotas::new(world);
    let mut served = Served::default();
    let mut all_told = Vec::new();
    for route in &routes {
        let policies = (&budgets, &mut quotas, &mut *traffic);
        let placed = place(gateways, route, policies, &mut served);
        let told = match placed.is_empty() {
            true => route.told.clone(),
            false => status(route, options, &placed).map(Shared::new),
        };
        if let Some(told) = told {
            all_told.push((route.draft.source.object.clone(), told));
        }
    }
    statuses.put_all(all_told);
    budgets.defined.extend(quotas.defined());
    quotas.report(world, statuses);
    budgets.defined
}

/// All routes, oldest first.
fn attached(
    (world, options): (&World, &Options),
    policies: &SecurityPolicies,
    known: &mut Known<AttachedAiRoute>,
    gateways: &Gateways,
) -> Vec<Arc<AttachedAiRoute>> {
    let attach = |draft: AiRouteDraft| {
        let mut route = AttachedAiRoute {
            attachment: attach(gateways, (world, options), &draft.source),
            draft,
            told: None,
        };
        route.told = status(&route, options, &Placed::default()).map(Shared::new);
        route
    };
    let compact = world.compact_ai_gateway_routes.shared();
    let mut routes: Vec<Arc<AttachedAiRoute>> = compact
        .map(|(name, route)| {
            let shares_its_name = compact_ai_route::shares_its_name(world, name);
            known.of(route, shares_its_name, || {
                attach(compact_ai_route::draft((world, options), gateways, route))
            })
        })
        .collect();
    routes.extend(world.ai_gateway_routes.shared().map(|(_, route)| {
        known.of(route, false, || {
            attach(ai_route::draft((world, policies), gateways, route))
        })
    }));
    // Stable: of equal ones the compact goes first.
    routes.sort_by(|a, b| age_order(&a.draft.metadata, &b.draft.metadata));
    routes
}

// === impl Placed ===

impl Placed {
    fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.warnings.is_empty()
    }
}

/// What holds for the rules of routes.
type Policies<'a, 'w> = (
    &'a token_budget::Budgets,
    &'a mut Quotas<'w>,
    &'a mut RoutePolicies<'w>,
);

fn place<'r>(
    gateways: &mut [GatewayDraft],
    route: &'r AttachedAiRoute,
    (budgets, quotas, traffic): Policies<'_, '_>,
    served: &mut Served<'r>,
) -> Placed {
    let AiRouteDraft { source, rules, .. } = &route.draft;
    let mut told = Placed::default();
    let Placed { problems, warnings } = &mut told;
    for place in &route.attachment.places {
        let mut placed = Vec::new();
        for rule in rules {
            let mut held = rule.rule.clone();
            let at = (gateways as &[GatewayDraft], place.at);
            problems.extend(budgets.hold(&mut held, at, (source, rule)));
            problems.extend(quotas.hold(&mut held, rule));
            let name = rule.name.as_deref();
            match traffic.apply_to_llm(at, (source, name), &rule.rule.rule.costs) {
                None => {}
                Some((Effect::Limit(limits), kept)) => {
                    held.rule.kept_headers = kept;
                    held.rate_limits = Some(limits);
                }
                Some((Effect::Refuse(problem), _)) => {
                    refuse(std::iter::once(&mut *held), &problem.message);
                    problems.push(problem);
                }
            }
            placed.extend(by_precedence(&held));
        }
        let Some(listener) = listener_mut(gateways, place.at) else {
            continue;
        };
        for hostname in &place.hostnames {
            let scope = (place.at.gateway, listener.port, hostname);
            warnings.extend(served.add(scope, rules));
            let host = listener.hosts.entry(hostname.clone()).or_default();
            host.ai
                .get_or_insert_default()
                .extend(placed.iter().cloned());
        }
    }
    told
}

/// Which rule is the first with a match, on a host of a port of a Gateway: of equal matches only
/// that one is ever used, and its rivals should know.
#[derive(Debug, Default)]
struct Served<'r>(HashMap<(usize, u16, &'r Hostname), HashMap<&'r Match, &'r str>>);

/// What a rule without matches has.
static ANY: Match = Match {
    model: None,
    headers: Vec::new(),
};

impl<'r> Served<'r> {
    fn add(&mut self, scope: (usize, u16, &'r Hostname), rules: &'r [AiRuleDraft]) -> Vec<Problem> {
        let mut warnings = Vec::new();
        let served = self.0.entry(scope).or_default();
        for rule in rules.iter().map(|rule| &rule.rule.rule) {
            let matches = match rule.matches.as_slice() {
                [] => std::slice::from_ref(&ANY),
                matches => matches,
            };
            for it in matches {
                let first = *served.entry(it).or_insert(&rule.id);
                if first != rule.id {
                    let what = match &it.model {
                        Some(ValueMatch::Exact(model)) => format!("model {model}"),
                        Some(ValueMatch::Regex(models)) => format!("models {models}"),
                        None => "one of its matches".to_string(),
                    };
                    let message = format!(
                        "rule {} never serves {what}: rule {first} comes first",
                        rule.id
                    );
                    warnings.push(Problem::new(reason::CONFLICTED, message));
                }
            }
        }
        warnings
    }
}

/// The conditions of the whole route and those towards each parent: whoever reads only the
/// former (as Envoy AI Gateway's users do) sees whether any Gateway serves it.
fn status(route: &AttachedAiRoute, options: &Options, placed: &Placed) -> Option<Status> {
    let draft = &route.draft;
    let generation = draft.source.generation;
    let mut further = vec![Condition::resolved_refs(&draft.ref_problems, generation)];
    let problems = [draft.problems.as_slice(), &placed.problems].concat();
    if let Some(problem) = Problem::join(&problems) {
        let (reason, message) = (problem.reason, problem.message);
        further.push(Condition::holds(
            PARTIALLY_INVALID,
            reason,
            message,
            generation,
        ));
    }
    let warnings = [draft.warnings.as_slice(), &placed.warnings].concat();
    further.extend(Condition::warning(&warnings, generation));
    let message = "at least one listener takes the route";
    let accepted = Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation);
    let parents = parent_statuses(
        &route.attachment,
        options,
        generation,
        (&accepted, &further),
    );
    let refusals: Vec<Problem> = route
        .attachment
        .parents
        .iter()
        .filter_map(|(_, outcome)| outcome.clone().err())
        .collect();
    let accepted = if !route.attachment.places.is_empty() {
        accepted
    } else if let Some(problem) = Problem::join(&refusals) {
        Condition::fails(ACCEPTED, &problem, generation)
    } else if draft.source.parents.is_empty() {
        let message = format!(
            "spec.parentRefs is empty and no Gateway of namespace {} is managed by this controller",
            draft.source.name.namespace
        );
        Condition::fails(
            ACCEPTED,
            &Problem::new(reason::NO_MATCHING_PARENT, message),
            generation,
        )
    } else {
        // Every parent belongs to another controller.
        return None;
    };
    Some(Status {
        conditions: std::iter::once(accepted).chain(further).collect(),
        parents,
        ..Status::default()
    })
}

/// Host names of a route.
pub(crate) fn hostnames(written: &[String]) -> Vec<Hostname> {
    written
        .iter()
        .map(|name| Hostname::parse(Some(name)))
        .collect()
}

/// The parents of a route; one that names none means every Gateway of its namespace that is
/// ours, and the Gateway that is made where there is none.
pub(crate) fn parents(
    written: &[ParentReference],
    gateways: &[GatewayDraft],
    namespace: &str,
) -> Vec<ParentRef> {
    if written.is_empty() {
        return gateways
            .iter()
            .filter(|gateway| gateway.name.namespace == namespace || gateway.object.is_none())
            .map(|gateway| ParentRef {
                namespace: (gateway.name.namespace != namespace)
                    .then(|| gateway.name.namespace.clone()),
                name: gateway.name.name.clone(),
                ..ParentRef::default()
            })
            .collect();
    }
    written
        .iter()
        .cloned()
        .map(|parent| {
            let ParentReference {
                group,
                kind,
                namespace,
                name,
                section_name,
                port,
            } = parent;
            ParentRef {
                group,
                kind,
                namespace,
                name,
                section_name,
                port: port.map(i32::from),
            }
        })
        .collect()
}

/// Makes rules answer with an error: what cannot be enforced is not served.
pub(crate) fn refuse<'a>(rules: impl Iterator<Item = &'a mut ir::AiRule>, why: &str) {
    for rule in rules {
        for position in 0..rule.rule.backends.len() {
            refuse_backend(rule, position, why);
        }
    }
}
