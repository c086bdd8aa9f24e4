//! The three kinds of routes below HTTP as one: they differ in the names of their types, and
//! TLSRoutes have host names.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_ir::Hostname;

use crate::backend_ref::BackendRef;
use crate::parent::{RouteSource, parents};
use crate::status::{ObjectRef, Problem};
use crate::{World, groups, k8s, world};

/// A route below HTTP.
#[derive(Debug)]
pub(super) struct StreamSource<'a> {
    pub(super) metadata: &'a ObjectMeta,
    pub(super) route: RouteSource,
    /// Kind in generated names: `tcproute`.
    pub(super) prefix: &'static str,
    /// Of the first rule.
    pub(super) backends: Vec<StreamBackendRef>,
    /// Rules behind the first.
    pub(super) rules_dropped: usize,
    /// What is written and has no effect.
    pub(super) ignored: Option<Problem>,
}

/// A backend as a rule names it.
#[derive(Debug)]
pub(super) struct StreamBackendRef {
    group: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: String,
    port: Option<i32>,
    pub(super) weight: Option<i32>,
}

/// The backends of the first rule of a route of one kind.
macro_rules! backends {
    ($route:expr, $type:path) => {
        $route
            .spec
            .rules
            .first()
            .into_iter()
            .flat_map(|rule| rule.backend_refs.iter().cloned())
            .map(|reference| {
                let $type {
                    group,
                    kind,
                    name,
                    namespace,
                    port,
                    weight,
                } = reference;
                StreamBackendRef {
                    group,
                    kind,
                    namespace,
                    name,
                    port,
                    weight,
                }
            })
            .collect()
    };
}

/// All routes below HTTP, by kind and name.
pub(super) fn all(world: &World) -> Vec<StreamSource<'_>> {
    let tls = world.tls_routes.values().map(tls_route);
    let tcp = world.tcp_routes.values().map(tcp_route);
    let udp = world.udp_routes.values().map(udp_route);
    tls.chain(tcp).chain(udp).collect()
}

fn tls_route(route: &k8s::TlsRoute) -> StreamSource<'_> {
    let hostnames = route.spec.hostnames.iter();
    StreamSource {
        metadata: &route.metadata,
        route: RouteSource {
            hostnames: hostnames.map(|name| Hostname::parse(Some(name))).collect(),
            parents: parents!(route, k8s::tls::TlsRouteParentRefs),
            ..source(&route.metadata, "TLSRoute")
        },
        prefix: "tlsroute",
        backends: backends!(route, k8s::tls::TlsRouteRulesBackendRefs),
        rules_dropped: route.spec.rules.len().saturating_sub(1),
        ignored: default_gateways(
            route.spec.use_default_gateways == Some(k8s::tls::TlsRouteUseDefaultGateways::All),
        ),
    }
}

fn tcp_route(route: &k8s::TcpRoute) -> StreamSource<'_> {
    StreamSource {
        metadata: &route.metadata,
        route: RouteSource {
            parents: parents!(route, k8s::tcp::TcpRouteParentRefs),
            ..source(&route.metadata, "TCPRoute")
        },
        prefix: "tcproute",
        backends: backends!(route, k8s::tcp::TcpRouteRulesBackendRefs),
        rules_dropped: route.spec.rules.len().saturating_sub(1),
        ignored: default_gateways(
            route.spec.use_default_gateways == Some(k8s::tcp::TcpRouteUseDefaultGateways::All),
        ),
    }
}

fn udp_route(route: &k8s::UdpRoute) -> StreamSource<'_> {
    StreamSource {
        metadata: &route.metadata,
        route: RouteSource {
            parents: parents!(route, k8s::udp::UdpRouteParentRefs),
            ..source(&route.metadata, "UDPRoute")
        },
        prefix: "udproute",
        backends: backends!(route, k8s::udp::UdpRouteRulesBackendRefs),
        rules_dropped: route.spec.rules.len().saturating_sub(1),
        ignored: default_gateways(
            route.spec.use_default_gateways == Some(k8s::udp::UdpRouteUseDefaultGateways::All),
        ),
    }
}

/// Gateways cannot be defaults yet.
fn default_gateways(asked: bool) -> Option<Problem> {
    asked.then(|| Problem::ignored("spec.useDefaultGateways"))
}

/// A route without host names and parents.
fn source(metadata: &ObjectMeta, kind: &str) -> RouteSource {
    let name = world::key(metadata);
    RouteSource {
        object: ObjectRef::namespaced(groups::GATEWAY_API, kind, &name).into(),
        name,
        generation: metadata.generation,
        hostnames: Vec::new(),
        parents: Vec::new(),
    }
}

// === impl StreamBackendRef ===

impl StreamBackendRef {
    pub(super) fn reference<'a>(&'a self, field: &'a str) -> BackendRef<'a> {
        BackendRef {
            group: self.group.as_deref(),
            kind: self.kind.as_deref(),
            namespace: self.namespace.as_deref(),
            name: &self.name,
            port: self.port,
            field,
        }
    }
}
