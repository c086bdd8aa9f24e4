//! HTTPRoute: rules with their matches, filters and backends, placed on listeners.
//!
//! A rule that cannot be served as written answers 500 and says why; it is never served halfway.

mod backends;
mod filters;
mod matches;
mod policy;

use tollgate_ir::{self as ir, Hostname};

pub(crate) use matches::check_regex;

use crate::backend_traffic_policy::{Effect, TrafficPolicies};
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::{RouteSource, attach, listener_mut, statuses as parent_statuses};
use crate::sort::{MatchPrecedence, by_age};
use crate::status::{
    ACCEPTED, Condition, ObjectRef, PARTIALLY_INVALID, ParentRef, Problem, Statuses, reason,
};
use crate::{NamespacedName, Options, World, groups, k8s, names};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::GATEWAY_API, "HTTPRoute");

/// Places all HTTPRoutes, oldest first.
pub(crate) fn translate(
    (world, options): (&World, &Options),
    gateways: &mut [GatewayDraft],
    policies: &mut TrafficPolicies<'_>,
    statuses: &mut Statuses,
) {
    for route in by_age(world.http_routes.values(), |route| &route.metadata) {
        let source = source(route);
        let attachment = attach(gateways, (world, options), &source);
        let mut draft = RouteDraft::new(world, options, &source.name, route);
        for place in &attachment.places {
            let routes = draft.governed(policies, (gateways, place.at), &source);
            let Some(listener) = listener_mut(gateways, place.at) else {
                continue;
            };
            for hostname in &place.hostnames {
                let host = listener.hosts.entry(hostname.clone()).or_default();
                host.routes.extend(routes.iter().cloned());
            }
        }
        if !attachment.parents.is_empty() {
            let (accepted, further) = draft.conditions(source.generation);
            statuses.entry(source.object).parents = parent_statuses(
                &attachment,
                options,
                source.generation,
                (&accepted, &further),
            );
        }
    }
}

fn source(route: &k8s::HttpRoute) -> RouteSource {
    let name = crate::world::key(&route.metadata);
    let parents = route.spec.parent_refs.iter().flatten();
    RouteSource {
        object: ObjectRef::namespaced(KIND.0, KIND.1, &name),
        name,
        generation: route.metadata.generation,
        hostnames: route
            .spec
            .hostnames
            .iter()
            .flatten()
            .map(|name| Hostname::parse(Some(name)))
            .collect(),
        parents: parents
            .map(|parent| {
                let k8s::http::HttpRouteParentRefs {
                    group,
                    kind,
                    name,
                    namespace,
                    port,
                    section_name,
                } = parent.clone();
                ParentRef {
                    group,
                    kind,
                    namespace,
                    name,
                    section_name,
                    port,
                }
            })
            .collect(),
    }
}

/// A translated route before it is placed.
#[derive(Debug, Default)]
struct RouteDraft {
    /// With the names of their rules.
    routes: Vec<(Option<String>, MatchPrecedence, ir::HttpRoute)>,
    rules: usize,
    /// Rules that are not served as written.
    invalid_rules: Vec<usize>,
    /// Why.
    problems: Vec<Problem>,
    /// References that lead nowhere.
    ref_problems: Vec<Problem>,
    /// What works otherwise than hoped.
    warnings: Vec<Problem>,
}

// === impl RouteDraft ===

impl RouteDraft {
    fn new(
        world: &World,
        options: &Options,
        name: &NamespacedName,
        route: &k8s::HttpRoute,
    ) -> Self {
        let mut draft = Self::default();
        for (index, rule) in route.spec.rules.iter().flatten().enumerate() {
            draft.rules += 1;
            draft.add_rule((world, options), name, (index, rule));
        }
        draft
    }

    fn add_rule(
        &mut self,
        context: (&World, &Options),
        route: &NamespacedName,
        (index, rule): (usize, &k8s::http::HttpRouteRules),
    ) {
        let k8s::http::HttpRouteRules {
            backend_refs,
            filters,
            matches,
            name,
            retry,
            session_persistence,
            timeouts,
        } = rule;
        if session_persistence.is_some() {
            let field = format!("spec.rules[{index}].sessionPersistence");
            self.warnings.push(Problem::ignored(field));
        }
        let mut problems = Vec::new();
        let matches = matches::translate(matches.as_deref(), index, &mut problems);
        let timeouts = policy::timeouts(timeouts.as_ref(), index, &mut problems);
        let retry = policy::retry(retry.as_ref(), index, &mut problems);
        let filters = filters::of_rule(filters.as_deref(), &matches, index, &mut problems);
        let refs = backend_refs.as_deref().unwrap_or_default();
        let backends = backends::translate(context, route, (index, refs));
        problems.extend(backends.problems);
        self.ref_problems.extend(backends.ref_problems);
        let action = match (Problem::join(&problems), filters.redirect) {
            (Some(problem), _) => ir::HttpAction::Fail {
                status: 500,
                reason: problem.message,
            },
            (None, Some(redirect)) => ir::HttpAction::Redirect(redirect),
            (None, None) => backends.action,
        };
        if !problems.is_empty() {
            self.invalid_rules.push(index);
            self.problems.extend(problems);
        }
        for (position, matches) in matches {
            let route = ir::HttpRoute {
                name: names::http_route(route, index, position),
                matches,
                filters: filters.filters.clone(),
                action: action.clone(),
                websocket: false,
                timeouts,
                retry: retry.clone(),
                rate_limits: None,
            };
            let precedence = MatchPrecedence::of(&route.matches);
            self.routes.push((name.clone(), precedence, route));
        }
    }

    /// The routes as a listener serves them, under the policies that hold there.
    fn governed(
        &mut self,
        policies: &mut TrafficPolicies<'_>,
        at: (&[GatewayDraft], ListenerIndex),
        source: &RouteSource,
    ) -> Vec<(MatchPrecedence, ir::HttpRoute)> {
        let mut governed = Vec::new();
        for (rule, precedence, route) in &self.routes {
            let mut route = route.clone();
            match policies.apply(at, (source, rule.as_deref()), &[]) {
                None => {}
                Some(Effect::Limit(limits)) => route.rate_limits = Some(limits),
                Some(Effect::Refuse(problem)) => {
                    route.action = ir::HttpAction::Fail {
                        status: 500,
                        reason: problem.message.clone(),
                    };
                    self.warnings.push(problem);
                }
            }
            governed.push((precedence.clone(), route));
        }
        governed
    }

    /// `Accepted`, and the conditions beside it.
    fn conditions(&self, generation: Option<i64>) -> (Condition, Vec<Condition>) {
        let mut further = vec![Condition::resolved_refs(&self.ref_problems, generation)];
        let all_invalid = self.invalid_rules.len() == self.rules;
        let accepted = match Problem::join(&self.problems) {
            Some(problem) if all_invalid => Condition::fails(ACCEPTED, &problem, generation),
            problem => {
                if let Some(problem) = problem {
                    // Gateway API asks that the message begins with these words.
                    let message = format!(
                        "Dropped Rule(s) {:?}: {}",
                        self.invalid_rules, problem.message
                    );
                    further.push(Condition::holds(
                        PARTIALLY_INVALID,
                        problem.reason,
                        message,
                        generation,
                    ));
                }
                let message = "at least one listener takes the route";
                Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
            }
        };
        further.extend(Condition::warning(&self.warnings, generation));
        (accepted, further)
    }
}
