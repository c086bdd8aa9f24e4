//! HTTPRoutes and GRPCRoutes: drafted, attached and placed, oldest first.
//!
//! On a listener a host name belongs to one of the two kinds: the older route's (Gateway API,
//! GRPCRouteSpec.hostnames).

mod hosts;

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_ir::{Hostname, Shared};

use crate::gateway::Gateways;
use crate::http_route::{RouteDraft, RouteType};
use crate::memo::Known;
use crate::parent::{
    Attachment, RouteSource, attach, listener_mut, note_attached, statuses as parent_statuses,
};
use crate::route_policies::RoutePolicies;
use crate::sort::age_order;
use crate::status::{Problem, Status, Statuses, reason};
use crate::{NamespacedName, Options, World, grpc_route, http_route, k8s};
use hosts::Hosts;

/// A route of either kind.
#[derive(Clone, Copy)]
enum Route<'a> {
    Http(&'a Arc<k8s::HttpRoute>),
    Grpc(&'a Arc<k8s::GrpcRoute>),
}

/// A route as far as it does not depend on others, nor on policies.
#[derive(Debug)]
pub(crate) struct PreparedRoute {
    route_type: RouteType,
    source: RouteSource,
    attachment: Attachment,
    draft: RouteDraft,
    /// What it is told if it is placed like that.
    told: Shared<Status>,
}

// === impl Route ===

impl<'a> Route<'a> {
    fn metadata(self) -> &'a ObjectMeta {
        match self {
            Self::Http(route) => &route.metadata,
            Self::Grpc(route) => &route.metadata,
        }
    }

    fn prepare(self, context: (&World, &Options), gateways: &Gateways) -> PreparedRoute {
        let (route_type, source) = match self {
            Self::Http(route) => (RouteType::Http, http_route::source(route)),
            Self::Grpc(route) => (RouteType::Grpc, grpc_route::source(route)),
        };
        let attachment = attach(gateways, context, &source);
        let draft = match self {
            // Another controller's.
            _ if attachment.parents.is_empty() => RouteDraft::new(route_type),
            Self::Http(route) => http_route::draft(context, &source.name, route),
            Self::Grpc(route) => grpc_route::draft(context, &source.name, route),
        };
        let mut prepared = PreparedRoute {
            route_type,
            source,
            attachment,
            draft,
            told: Shared::default(),
        };
        prepared.told = prepared.status(&prepared.attachment, context.1, &[]).into();
        prepared
    }
}

// === impl PreparedRoute ===

impl PreparedRoute {
    fn status(&self, attachment: &Attachment, options: &Options, placed: &[Problem]) -> Status {
        let generation = self.source.generation;
        let (accepted, further) = self.draft.conditions(generation, placed);
        Status {
            parents: parent_statuses(attachment, options, generation, (&accepted, &further)),
            ..Status::default()
        }
    }
}

/// Places all routes of both kinds. Those that are `known` are not worked out again.
pub(crate) fn translate(
    context: (&World, &Options),
    known: &mut Known<PreparedRoute>,
    gateways: &mut Gateways,
    policies: &mut RoutePolicies<'_>,
    statuses: &mut Statuses,
) {
    let (world, options) = context;
    // Nobody yields where there is one kind.
    let mut hosts =
        (!world.http_routes.is_empty() && !world.grpc_routes.is_empty()).then(Hosts::default);
    let mut all_told = Vec::new();
    for route in by_age(world) {
        let prepare = || route.prepare(context, gateways);
        let prepared = match route {
            Route::Http(object) => known.of(object, false, prepare),
            Route::Grpc(object) => known.of(object, false, prepare),
        };
        if prepared.attachment.parents.is_empty() {
            continue;
        }
        let attachment = match &mut hosts {
            Some(hosts) => yield_hosts(&prepared, hosts),
            None => Cow::Borrowed(&prepared.attachment),
        };
        let warnings = place(gateways, (&prepared, &attachment), policies);
        if prepared.draft.is_accepted() {
            note_attached(gateways, &attachment, &prepared.source.object);
        }
        let told = match (&attachment, warnings.as_slice()) {
            (Cow::Borrowed(_), []) => prepared.told.clone(),
            (_, warnings) => prepared.status(&attachment, options, warnings).into(),
        };
        all_told.push((prepared.source.object.clone(), told));
    }
    statuses.put_all(all_told);
}

fn by_age(world: &World) -> Vec<Route<'_>> {
    let http = world.http_routes.shared().map(|(_, it)| Route::Http(it));
    let grpc = world.grpc_routes.shared().map(|(_, it)| Route::Grpc(it));
    let mut routes: Vec<Route<'_>> = http.chain(grpc).collect();
    // Stable: of equal ones the HTTPRoute goes first.
    routes.sort_by(|a, b| age_order(a.metadata(), b.metadata()));
    routes
}

/// Puts a route on its listeners, under the policies that hold there; what is to be said of that.
fn place(
    gateways: &mut Gateways,
    (route, attachment): (&PreparedRoute, &Attachment),
    policies: &mut RoutePolicies<'_>,
) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for place in &attachment.places {
        let at = (&**gateways, place.at);
        let routes = route
            .draft
            .governed(policies, at, &route.source, &mut warnings);
        let Some(listener) = listener_mut(gateways, place.at) else {
            continue;
        };
        for hostname in &place.hostnames {
            let host = listener.hosts.entry(hostname.clone()).or_default();
            host.routes.extend(routes.iter().cloned());
        }
    }
    warnings
}

/// Takes a route from listeners where its host names are those of routes of the other kind.
fn yield_hosts<'a>(route: &'a PreparedRoute, hosts: &mut Hosts) -> Cow<'a, Attachment> {
    let PreparedRoute {
        route_type,
        source,
        attachment: wanted,
        ..
    } = route;
    let mut refused: Vec<(usize, Problem)> = Vec::new();
    let mut places = wanted.places.clone();
    places.retain(|place| {
        let Some((hostname, rival)) = hosts.rival(place.at, *route_type, &place.hostnames) else {
            return true;
        };
        let message = conflict(&hostname, (*route_type, rival));
        refused.push((place.parent, Problem::new(reason::CONFLICTED, message)));
        false
    });
    for place in &places {
        hosts.claim(place.at, (*route_type, &source.name), &place.hostnames);
    }
    if refused.is_empty() {
        return Cow::Borrowed(wanted);
    }
    let mut attachment = Attachment {
        places,
        parents: wanted.parents.clone(),
    };
    for (parent, problem) in refused {
        let serves = attachment.places.iter().any(|place| place.parent == parent);
        if let Some((_, outcome @ Ok(()))) = attachment.parents.get_mut(parent)
            && !serves
        {
            *outcome = Err(problem);
        }
    }
    Cow::Owned(attachment)
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
