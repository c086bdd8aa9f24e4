//! HTTPRoute: rules with their matches, filters and backends.
//!
//! A rule that cannot be served as written answers 500 and says why; it is never served halfway.

mod backends;
mod cors;
mod draft;
mod external_auth;
mod filters;
mod header_modifier;
mod matches;
mod mirror;
mod policy;
mod rewrite;
mod session;
mod site;

use tollgate_ir::Hostname;

pub(crate) use backends::Backends;
pub(crate) use draft::{RouteDraft, RuleParts};
pub(crate) use filters::same_shape;
pub(crate) use matches::{check_regex, header_matches};
pub(crate) use site::{RouteType, RuleSite};

use crate::parent::{RouteSource, parents};
use crate::sort::MatchPrecedence;
use crate::status::{ObjectRef, Problem};
use crate::{NamespacedName, Options, World, groups, k8s};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::GATEWAY_API, "HTTPRoute");

/// What attaching needs to know of a route.
pub(crate) fn source(route: &k8s::HttpRoute) -> RouteSource {
    let name = crate::world::key(&route.metadata);
    RouteSource {
        object: ObjectRef::namespaced(KIND.0, KIND.1, &name).into(),
        name,
        generation: route.metadata.generation,
        hostnames: route
            .spec
            .hostnames
            .iter()
            .flatten()
            .map(|name| Hostname::parse(Some(name)))
            .collect(),
        parents: parents!(route, k8s::http::HttpRouteParentRefs),
    }
}

/// The rules of a route before they are placed.
pub(crate) fn draft(
    (world, options): (&World, &Options),
    name: &NamespacedName,
    route: &k8s::HttpRoute,
) -> RouteDraft {
    let mut draft = RouteDraft::new(RouteType::Http);
    let all = Some(&k8s::http::HttpRouteUseDefaultGateways::All);
    if route.spec.use_default_gateways.as_ref() == all {
        let field = "spec.useDefaultGateways";
        draft.warnings.push(Problem::ignored(field));
    }
    for (index, rule) in route.spec.rules.iter().flatten().enumerate() {
        let site = RuleSite {
            world,
            options,
            route_type: RouteType::Http,
            route: name,
            rule: index,
        };
        draft.add(site, rule_parts(site, rule));
    }
    draft
}

fn rule_parts(site: RuleSite<'_>, rule: &k8s::http::HttpRouteRules) -> RuleParts {
    let k8s::http::HttpRouteRules {
        backend_refs,
        filters,
        matches,
        name,
        retry,
        session_persistence,
        timeouts,
    } = rule;
    let mut parts = RuleParts::new(name.as_deref());
    parts.websocket = true;
    let problems = &mut parts.problems;
    let matches = matches::translate(matches.as_deref(), site.rule, problems);
    parts.timeouts = policy::timeouts(timeouts.as_ref(), site.rule, problems);
    parts.retry = policy::retry(retry.as_ref(), site.rule, problems);
    parts.set_filters(site, filters.as_deref().unwrap_or_default(), &matches);
    parts.set_backends(site, backend_refs.as_deref().unwrap_or_default());
    parts.set_session(site, session_persistence.as_ref());
    parts.matches = matches
        .into_iter()
        .map(|(position, it)| (position, MatchPrecedence::of(&it), it))
        .collect();
    parts
}
