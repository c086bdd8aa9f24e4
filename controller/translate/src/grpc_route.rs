//! GRPCRoute: calls by service and method, which are the path of a request over HTTP/2
//! (`/service/method`).
//!
//! Filters and backends are those of an HTTPRoute; what cannot be served answers 503, which a
//! client is told as `UNAVAILABLE`.

mod matches;

use tollgate_ir::{Hostname, HttpMatch};

use crate::http_route::{RouteDraft, RouteType, RuleParts, RuleSite, same_shape};
use crate::k8s::{self, grpc, http};
use crate::parent::{RouteSource, parents};
use crate::status::{ObjectRef, Problem};
use crate::{NamespacedName, Options, World, groups};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::GATEWAY_API, "GRPCRoute");

/// What attaching needs to know of a route.
pub(crate) fn source(route: &k8s::GrpcRoute) -> RouteSource {
    let name = crate::world::key(&route.metadata);
    let hostnames = route.spec.hostnames.iter().flatten();
    RouteSource {
        object: ObjectRef::namespaced(KIND.0, KIND.1, &name).into(),
        name,
        generation: route.metadata.generation,
        hostnames: hostnames.map(|name| Hostname::parse(Some(name))).collect(),
        parents: parents!(route, grpc::GrpcRouteParentRefs),
    }
}

/// The rules of a route before they are placed.
pub(crate) fn draft(
    (world, options): (&World, &Options),
    name: &NamespacedName,
    route: &k8s::GrpcRoute,
) -> RouteDraft {
    let mut draft = RouteDraft::new(RouteType::Grpc);
    let all = Some(&grpc::GrpcRouteUseDefaultGateways::All);
    if route.spec.use_default_gateways.as_ref() == all {
        let field = "spec.useDefaultGateways";
        draft.warnings.push(Problem::ignored(field));
    }
    for (index, rule) in route.spec.rules.iter().flatten().enumerate() {
        let site = RuleSite {
            world,
            options,
            route_type: RouteType::Grpc,
            route: name,
            rule: index,
        };
        draft.add(site, rule_parts(site, rule));
    }
    draft
}

fn rule_parts(site: RuleSite<'_>, rule: &grpc::GrpcRouteRules) -> RuleParts {
    let grpc::GrpcRouteRules {
        backend_refs,
        filters,
        matches,
        name,
        session_persistence,
    } = rule;
    let mut parts = RuleParts::new(name.as_deref());
    parts.matches = matches::translate(site, matches.as_deref(), &mut parts.problems);
    let paths: Vec<(usize, HttpMatch)> = parts
        .matches
        .iter()
        .map(|(position, _, it)| (*position, it.clone()))
        .collect();
    // The generated types of both kinds differ in name only, where a GRPCRoute has a part at all.
    match same_shape::<Vec<http::HttpRouteRulesFilters>>(
        filters.as_ref().unwrap_or(&Vec::new()),
        &site.field("filters"),
    ) {
        Ok(filters) => parts.set_filters(site, &filters, &paths),
        Err(problem) => parts.problems.push(problem),
    }
    match same_shape::<Vec<http::HttpRouteRulesBackendRefs>>(
        backend_refs.as_ref().unwrap_or(&Vec::new()),
        &site.field("backendRefs"),
    ) {
        Ok(refs) => parts.set_backends(site, &refs),
        Err(problem) => parts.problems.push(problem),
    }
    match session_persistence
        .as_ref()
        .map(|it| same_shape(it, &site.field("sessionPersistence")))
        .transpose()
    {
        Ok(session) => parts.set_session(site, session.as_ref()),
        Err(problem) => parts.problems.push(problem),
    }
    parts
}
