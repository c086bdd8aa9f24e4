//! HTTPRoutes and GRPCRoutes: drafted, attached and placed, oldest first.
//!
//! On a listener a host name belongs to one of the two kinds: the older route's (Gateway API,
//! GRPCRouteSpec.hostnames).

mod hosts;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_ir::Hostname;

use crate::gateway::Gateways;
use crate::http_route::RouteType;
use crate::parent::{
    Attachment, RouteSource, attach, detach, listener_mut, statuses as parent_statuses,
};
use crate::route_policies::RoutePolicies;
use crate::sort::age_order;
use crate::status::{ConditionStatus, Problem, Statuses, reason};
use crate::{NamespacedName, Options, World, grpc_route, http_route, k8s};
use hosts::Hosts;

/// A route of either kind.
#[derive(Clone, Copy)]
enum Route<'a> {
    Http(&'a k8s::HttpRoute),
    Grpc(&'a k8s::GrpcRoute),
}

// === impl Route ===

impl<'a> Route<'a> {
    fn metadata(self) -> &'a ObjectMeta {
        match self {
            Self::Http(route) => &route.metadata,
            Self::Grpc(route) => &route.metadata,
        }
    }
}

/// Places all routes of both kinds.
pub(crate) fn translate(
    context: (&World, &Options),
    gateways: &mut Gateways,
    policies: &mut RoutePolicies<'_>,
    statuses: &mut Statuses,
) {
    let mut hosts = Hosts::default();
    for route in by_age(context.0) {
        let (route_type, source) = match route {
            Route::Http(route) => (RouteType::Http, http_route::source(route)),
            Route::Grpc(route) => (RouteType::Grpc, grpc_route::source(route)),
        };
        let mut attachment = attach(gateways, context, &source);
        yield_hosts(gateways, &mut attachment, (route_type, &source), &mut hosts);
        if attachment.parents.is_empty() {
            continue;
        }
        let mut draft = match route {
            Route::Http(route) => http_route::draft(context, &source.name, route),
            Route::Grpc(route) => grpc_route::draft(context, &source.name, route),
        };
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
        let (accepted, further) = draft.conditions(source.generation);
        if accepted.status == ConditionStatus::False {
            detach(gateways, &attachment, &source.object);
        }
        statuses.entry(source.object).parents = parent_statuses(
            &attachment,
            context.1,
            source.generation,
            (&accepted, &further),
        );
    }
}

fn by_age(world: &World) -> Vec<Route<'_>> {
    let http = world.http_routes.values().map(Route::Http);
    let grpc = world.grpc_routes.values().map(Route::Grpc);
    let mut routes: Vec<Route<'_>> = http.chain(grpc).collect();
    // Stable: of equal ones the HTTPRoute goes first.
    routes.sort_by(|a, b| age_order(a.metadata(), b.metadata()));
    routes
}

/// Takes a route from listeners where its host names are those of routes of the other kind.
fn yield_hosts(
    gateways: &mut Gateways,
    attachment: &mut Attachment,
    (route_type, source): (RouteType, &RouteSource),
    hosts: &mut Hosts,
) {
    let mut refused: Vec<(usize, Problem)> = Vec::new();
    let mut left = Vec::new();
    attachment.places.retain(|place| {
        let Some((hostname, rival)) = hosts.rival(place.at, route_type, &place.hostnames) else {
            return true;
        };
        let message = conflict(&hostname, (route_type, rival));
        refused.push((place.parent, Problem::new(reason::CONFLICTED, message)));
        left.push(place.at);
        false
    });
    for place in &attachment.places {
        hosts.claim(place.at, (route_type, &source.name), &place.hostnames);
    }
    left.retain(|at| attachment.places.iter().all(|place| place.at != *at));
    for at in left {
        if let Some(listener) = listener_mut(gateways, at) {
            listener.attached.remove(&source.object);
        }
    }
    for (parent, problem) in refused {
        let serves = attachment.places.iter().any(|place| place.parent == parent);
        if let Some((_, outcome @ Ok(()))) = attachment.parents.get_mut(parent)
            && !serves
        {
            *outcome = Err(problem);
        }
    }
}

fn conflict(hostname: &Hostname, (route_type, rival): (RouteType, &NamespacedName)) -> String {
    let other = route_type.other().kind().1;
    format!(
        "host name {} is served by {other} {rival}, which is older; a listener serves a host name to HTTPRoutes or to GRPCRoutes, not to both",
        hostname.domain()
    )
}

#[cfg(test)]
mod tests;
