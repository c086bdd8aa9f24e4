//! Which backends an attached route refers to, so that policies know the Gateways they serve.

use tollgate_crds::envoy_ai_gateway::AIServiceBackend;

use crate::reference_grant::{self, Reference};
use crate::status::ObjectRef;
use crate::{NamespacedName, World, backend, groups, service};

/// A backend of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Backend {
    pub(super) kind: (&'static str, &'static str),
    pub(super) name: NamespacedName,
    pub(super) port: Option<i32>,
}

/// A reference as routes write it: group, kind, namespace, name, port.
type Written<'a> = (
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
    Option<i32>,
);

/// Every backend that a route may reach; references that no grant permits reach none.
pub(super) fn backends(world: &World, route: &ObjectRef) -> Vec<Backend> {
    let namespace = route.namespace.as_deref().unwrap_or_default();
    let name = NamespacedName::new(namespace, &route.name);
    let written = match (route.group.as_str(), route.kind.as_str()) {
        (groups::GATEWAY_API, "HTTPRoute") => http(world, &name),
        (groups::GATEWAY_API, "GRPCRoute") => grpc(world, &name),
        (groups::GATEWAY_API, "TLSRoute") => tls(world, &name),
        (groups::ENVOY_AI_GATEWAY, _) => return ai(world, &name),
        _ => Vec::new(),
    };
    let from = (route.group.as_str(), route.kind.as_str());
    let reached = written.into_iter();
    reached
        .filter_map(|written| reach(world, (from, namespace), written))
        .collect()
}

fn reach(
    world: &World,
    (from, namespace): ((&str, &str), &str),
    (group, kind, other_namespace, name, port): Written<'_>,
) -> Option<Backend> {
    let kind = match (
        group.unwrap_or(groups::CORE),
        kind.unwrap_or(service::KIND.1),
    ) {
        service::KIND => service::KIND,
        backend::KIND => backend::KIND,
        _ => return None,
    };
    let target = NamespacedName::new(other_namespace.unwrap_or(namespace), name);
    let reference = Reference {
        from,
        namespace,
        to: kind,
        target: &target,
        field: "",
    };
    reference_grant::check(world, reference).ok()?;
    Some(Backend {
        kind,
        name: target,
        port,
    })
}

/// Takes the fields of a reference, whichever of the generated types it has.
macro_rules! written {
    ($reference:expr) => {
        (
            $reference.group.as_deref(),
            $reference.kind.as_deref(),
            $reference.namespace.as_deref(),
            $reference.name.as_str(),
            $reference.port,
        )
    };
}

/// Backends and mirrors of an HTTPRoute or a GRPCRoute: the generated types differ in name only.
macro_rules! of_rules {
    ($route:expr) => {{
        let rules = $route.and_then(|route| route.spec.rules.as_deref());
        let mut written = Vec::new();
        for rule in rules.unwrap_or_default() {
            let backends = rule.backend_refs.iter().flatten();
            written.extend(backends.map(|it| written!(it)));
            let mirrors = rule.filters.iter().flatten();
            let mirrors = mirrors.filter_map(|filter| filter.request_mirror.as_ref());
            written.extend(mirrors.map(|it| written!(it.backend_ref)));
        }
        written
    }};
}

fn http<'w>(world: &'w World, name: &NamespacedName) -> Vec<Written<'w>> {
    of_rules!(world.http_routes.get(name))
}

fn grpc<'w>(world: &'w World, name: &NamespacedName) -> Vec<Written<'w>> {
    of_rules!(world.grpc_routes.get(name))
}

fn tls<'w>(world: &'w World, name: &NamespacedName) -> Vec<Written<'w>> {
    let route = world.tls_routes.get(name);
    let rules = route.map(|route| route.spec.rules.as_slice());
    let rules = rules.unwrap_or_default().iter();
    rules
        .flat_map(|rule| rule.backend_refs.iter())
        .map(|it| written!(it))
        .collect()
}

/// AI routes refer to AIServiceBackends, and those to backends.
fn ai(world: &World, name: &NamespacedName) -> Vec<Backend> {
    let Some(route) = world.ai_gateway_routes.get(name) else {
        return Vec::new();
    };
    let references = route.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
    references
        .filter_map(|reference| {
            let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
            let service = NamespacedName::new(namespace, &reference.name);
            let object: &AIServiceBackend = world.ai_service_backends.get(&service)?;
            let it = &object.spec.backend_ref;
            let from = (groups::ENVOY_AI_GATEWAY, "AIServiceBackend");
            let written = (
                it.group.as_deref(),
                it.kind.as_deref(),
                it.namespace.as_deref(),
                it.name.as_str(),
                None,
            );
            reach(world, (from, namespace), written)
        })
        .collect()
}
