//! Plain HTTP routes: match, filters, action.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    DirectResponseAction, Route, RouteAction, WeightedCluster, route, route_action,
    weighted_cluster::{ClusterWeight, cluster_weight},
};

use super::http_manager::Scheme;
use super::value::{duration_ms, filter_configs, uint32};
use super::{
    cors, external_auth, header_filter, http_match, mirror, names, rate_limit, redirect, retry,
    rewrite, session,
};

/// Renders a route of a port that clients know by this number. Two where preflights for it come
/// another way.
pub(super) fn build_http_routes(route: &ir::HttpRoute, client_side: (u16, Scheme)) -> Vec<Route> {
    let built = build_http_route(route, client_side);
    let preflight = cors::build_preflight(route, &built);
    std::iter::once(built).chain(preflight).collect()
}

fn build_http_route(route: &ir::HttpRoute, client_side: (u16, Scheme)) -> Route {
    let ir::HttpRoute {
        name,
        matches,
        filters,
        action,
        websocket: _,
        timeouts: _,
        retry: _,
        session: _,
        rate_limits,
    } = route;
    let action =
        match action {
            ir::HttpAction::Fail { status, reason: _ } => build_failure(*status),
            ir::HttpAction::Redirect(redirect) => route::Action::Redirect(
                redirect::build_redirect(redirect, &matches.path, client_side),
            ),
            ir::HttpAction::Forward(backends) => match only_failure(backends) {
                Some(status) => build_failure(status),
                None => route::Action::Route(build_action(route, backends)),
            },
        };
    let headers = header_filter::build_changes(filters);
    Route {
        name: name.clone(),
        r#match: Some(http_match::build_match(matches)),
        action: Some(action),
        request_headers_to_add: headers.request_add,
        request_headers_to_remove: headers.request_remove,
        response_headers_to_add: headers.response_add,
        response_headers_to_remove: headers.response_remove,
        typed_per_filter_config: filter_configs(
            rate_limit::build_route(rate_limits.as_ref())
                .into_iter()
                .chain(cors::build_route(filters))
                .chain(session::build_route(route))
                .map(|(name, config)| (name.to_string(), config))
                .chain(external_auth::build_route(filters)),
        ),
        ..Route::default()
    }
}

fn build_action(route: &ir::HttpRoute, backends: &[ir::WeightedBackend]) -> RouteAction {
    let ir::HttpRoute {
        matches,
        filters,
        websocket,
        timeouts,
        retry,
        ..
    } = route;
    let upgrade = route_action::UpgradeConfig {
        upgrade_type: "websocket".to_string(),
        ..route_action::UpgradeConfig::default()
    };
    let mut action = RouteAction {
        timeout: Some(duration_ms(timeouts.request_ms.unwrap_or(0))),
        idle_timeout: timeouts.idle_ms.map(duration_ms),
        retry_policy: retry::build_http_retry(retry.as_ref(), timeouts),
        request_mirror_policies: mirror::build_policies(filters),
        upgrade_configs: websocket.then_some(upgrade).into_iter().collect(),
        ..build_forward(backends)
    };
    rewrite::apply(&mut action, filters, &matches.path);
    action
}

/// No body: the reason is for the operator.
fn build_failure(status: u16) -> route::Action {
    route::Action::DirectResponse(DirectResponseAction {
        status: status.into(),
        ..DirectResponseAction::default()
    })
}

/// The status to answer with where no backend that gets requests can be used.
fn only_failure(backends: &[ir::WeightedBackend]) -> Option<u16> {
    let mut status = None;
    for backend in backends.iter().filter(|backend| backend.weight > 0) {
        match &backend.destination {
            Ok(_) => return None,
            Err(invalid) => status = status.or(Some(invalid.status)),
        }
    }
    status
}

fn build_forward(backends: &[ir::WeightedBackend]) -> RouteAction {
    let not_found = backends
        .iter()
        .find_map(|backend| backend.destination.as_ref().err())
        .map(|invalid| match invalid.status {
            404 => route_action::ClusterNotFoundResponseCode::NotFound,
            503 => route_action::ClusterNotFoundResponseCode::ServiceUnavailable,
            _ => route_action::ClusterNotFoundResponseCode::InternalServerError,
        })
        .unwrap_or_default();
    let shares = || backends.iter().filter(|backend| backend.weight > 0);
    let specifier = match Vec::from_iter(shares().take(2)).as_slice() {
        // Half the work for Envoy, in the table and for each request.
        [only] if only.destination.is_ok() && only.filters.is_empty() => {
            route_action::ClusterSpecifier::Cluster(only.name.clone())
        }
        _ => route_action::ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: shares().map(build_weight).collect(),
            ..WeightedCluster::default()
        }),
    };
    RouteAction {
        cluster_specifier: Some(specifier),
        cluster_not_found_response_code: not_found.into(),
        ..RouteAction::default()
    }
}

fn build_weight(backend: &ir::WeightedBackend) -> ClusterWeight {
    let ir::WeightedBackend {
        name,
        weight,
        filters,
        destination,
    } = backend;
    let cluster = match destination {
        Ok(_) => name.as_str(),
        Err(_) => names::NO_CLUSTER,
    };
    let headers = header_filter::build_changes(filters);
    ClusterWeight {
        name: cluster.to_string(),
        weight: uint32(*weight),
        request_headers_to_add: headers.request_add,
        request_headers_to_remove: headers.request_remove,
        response_headers_to_add: headers.response_add,
        response_headers_to_remove: headers.response_remove,
        host_rewrite_specifier: rewrite::host(filters)
            .map(|host| cluster_weight::HostRewriteSpecifier::HostRewriteLiteral(host.to_string())),
        ..ClusterWeight::default()
    }
}
