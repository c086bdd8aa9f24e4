//! Routes of a host's LLM traffic, in this order:
//! pinned routes, which only the engine can select (it names the cluster of the first attempt in
//! a header that clients cannot send), then one that keeps requests for other protocols from the
//! engine, then entry routes, on which the engine gets the request.

use std::collections::BTreeSet;

use tollgate_bundle::{BACKEND_METADATA_NAMESPACE, CLUSTER_HEADER};
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    DirectResponseAction, HeaderMatcher, Route, RouteAction, RouteMatch,
    header_matcher::HeaderMatchSpecifier, route, route_action, route_match::PathSpecifier,
};

use super::value::{duration_ms, filter_configs, metadata, prefix};
use super::{BuildOptions, engine, names, rate_limit, retry};

/// Silence of a provider within an answer, where a route says nothing.
const IDLE_MS: u64 = 300_000;

/// The paths that the engine serves or refuses. All of `/v1/` is its: what it does not know it
/// answers in OpenAI's form.
const ENTRY_PATHS: &[&str] = &["/v1/chat/completions", "/v1/models"];
const ENTRY_PREFIX: &str = "/v1/";

/// All AI routes of a virtual host.
pub(super) fn build_ai_routes(
    host: &ir::VirtualHost,
    ai: &ir::AiScope,
    options: &BuildOptions,
) -> Vec<Route> {
    let placed = ai.rules.iter();
    let placed = placed.filter(|rule| rule.destinations.iter().any(Option::is_some));
    let mut prefixes = BTreeSet::new();
    // Rules of equal times and retries share one.
    let pinned = placed
        .filter(|rule| prefixes.insert(rule.cluster_prefix()))
        .map(|rule| build_pinned(host, rule, options));
    let entries = ENTRY_PATHS
        .iter()
        .map(|path| PathSpecifier::Path((*path).to_string()))
        .chain([PathSpecifier::Prefix(ENTRY_PREFIX.to_string())])
        .map(|path| build_entry(host, path, rate_limit::Kinds::of_scope(ai), options));
    let mut routes: Vec<Route> = pinned.chain([build_upgrade()]).chain(entries).collect();
    if host.routes.is_empty() {
        routes.push(build_rest());
    }
    routes
}

/// Where the engine sends a request of this rule: any of its clusters, named by the header. All
/// clusters that begin as this rule's do are meant.
fn build_pinned(host: &ir::VirtualHost, rule: &ir::AiRule, options: &BuildOptions) -> Route {
    let ir::AiRule {
        rule: _,
        destinations: _,
        timeouts,
        retry,
        rate_limits,
        cluster_prefix: _,
    } = rule;
    let chosen_by = rule.cluster_prefix();
    let chosen = HeaderMatcher {
        name: CLUSTER_HEADER.to_string(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(prefix(&chosen_by))),
        ..HeaderMatcher::default()
    };
    let action = RouteAction {
        cluster_specifier: Some(route_action::ClusterSpecifier::ClusterHeader(
            CLUSTER_HEADER.to_string(),
        )),
        cluster_not_found_response_code:
            route_action::ClusterNotFoundResponseCode::ServiceUnavailable.into(),
        // Envoy's own 15 s would cut answers short.
        timeout: Some(duration_ms(timeouts.request_ms.unwrap_or(0))),
        idle_timeout: Some(duration_ms(timeouts.idle_ms.unwrap_or(IDLE_MS))),
        retry_policy: Some(retry::build_fallback(retry, timeouts)),
        host_rewrite_specifier: Some(route_action::HostRewriteSpecifier::AutoHostRewrite(
            envoy::well_known::BoolValue { value: true },
        )),
        ..RouteAction::default()
    };
    Route {
        name: chosen_by.trim_end_matches('/').to_string(),
        r#match: Some(RouteMatch {
            headers: vec![chosen],
            path_specifier: Some(PathSpecifier::Prefix("/".to_string())),
            ..RouteMatch::default()
        }),
        // The answer is looked at under the route that is current then: this one.
        typed_per_filter_config: filter_configs(
            rate_limit::build_route(rate_limits.as_ref())
                .into_iter()
                .chain([engine::build_route_override(&host.name, options)]),
        ),
        action: Some(route::Action::Route(action)),
        ..ai_base()
    }
}

/// A request to go on to another protocol, such as WebSocket. Envoy refuses it by itself, but
/// before any filter has seen the request: an ext_proc filter that is enabled would see the answer
/// only, and the engine knows no exchange for it.
fn build_upgrade() -> Route {
    Route {
        name: "ai/upgrade".to_string(),
        r#match: Some(RouteMatch {
            headers: vec![HeaderMatcher {
                name: "upgrade".to_string(),
                header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
                ..HeaderMatcher::default()
            }],
            path_specifier: Some(PathSpecifier::Prefix(ENTRY_PREFIX.to_string())),
            ..RouteMatch::default()
        }),
        ..ai_base()
    }
}

/// Where a request enters. The engine answers it or sends it to a pinned route; where it does
/// neither, there is no such endpoint.
///
/// A cluster that does not exist, and not a direct response: a virtual host's limit on request
/// bodies holds only on routes with a cluster (docs/adr/0002).
fn build_entry(
    host: &ir::VirtualHost,
    path: PathSpecifier,
    limits: rate_limit::Kinds,
    options: &BuildOptions,
) -> Route {
    let text = match &path {
        PathSpecifier::Path(text) => text.clone(),
        _ => format!("{ENTRY_PREFIX}*"),
    };
    Route {
        name: format!("ai{text}"),
        r#match: Some(RouteMatch {
            path_specifier: Some(path),
            ..RouteMatch::default()
        }),
        typed_per_filter_config: filter_configs(
            rate_limit::build_entry(limits)
                .into_iter()
                .chain([engine::build_route_override(&host.name, options)]),
        ),
        action: Some(route::Action::Route(RouteAction {
            cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(
                names::NO_CLUSTER.to_string(),
            )),
            cluster_not_found_response_code: route_action::ClusterNotFoundResponseCode::NotFound
                .into(),
            ..RouteAction::default()
        })),
        ..ai_base()
    }
}

/// The rest of a host that serves nothing else.
fn build_rest() -> Route {
    Route {
        name: "ai/rest".to_string(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_string())),
            ..RouteMatch::default()
        }),
        ..ai_base()
    }
}

/// Answers 404; marked, so that Envoy's own answers get OpenAI's form (`local_reply`).
fn ai_base() -> Route {
    Route {
        metadata: Some(metadata(
            BACKEND_METADATA_NAMESPACE,
            names::AI_METADATA_KEY,
            "true",
        )),
        action: Some(route::Action::DirectResponse(DirectResponseAction {
            status: 404,
            ..DirectResponseAction::default()
        })),
        ..Route::default()
    }
}
