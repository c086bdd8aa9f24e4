//! Sessions that stay with one endpoint: the filter, and what a route tells it.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cookie::Cookie;
use envoy::hcm::{HttpFilter, http_filter};
use envoy::session_cookie::CookieBasedSessionState;
use envoy::session_header::HeaderBasedSessionState;
use envoy::stateful_session_filter::{
    StatefulSession, StatefulSessionPerRoute, stateful_session_per_route::Override,
};
use envoy::well_known::Any;

use super::names;
use super::value::duration_ms;

/// The filter of a port. It is always there, so that the first route that asks for it does not
/// change the listener.
pub(super) fn build_filter() -> HttpFilter {
    HttpFilter {
        name: names::SESSION_FILTER.to_string(),
        // Routes with sessions enable it.
        disabled: true,
        config_type: Some(http_filter::ConfigType::TypedConfig(envoy::pack(
            &StatefulSession::default(),
        ))),
        ..HttpFilter::default()
    }
}

/// What a route tells it.
pub(super) fn build_route(route: &ir::HttpRoute) -> Option<(&'static str, Any)> {
    let state = match route.session.as_ref()? {
        ir::Session::Cookie { name, lifetime_ms } => envoy::typed_extension(
            "envoy.http.stateful_session.cookie",
            &CookieBasedSessionState {
                cookie: Some(Cookie {
                    name: name.clone(),
                    // None of it makes a cookie that ends with the client.
                    ttl: lifetime_ms.map(duration_ms),
                    path: cookie_path(&route.matches.path).to_string(),
                    ..Cookie::default()
                }),
            },
        ),
        ir::Session::Header { name } => envoy::typed_extension(
            "envoy.http.stateful_session.header",
            &HeaderBasedSessionState { name: name.clone() },
        ),
    };
    let session = StatefulSession {
        session_state: Some(state),
        ..StatefulSession::default()
    };
    let config = StatefulSessionPerRoute {
        r#override: Some(Override::StatefulSession(session)),
    };
    Some((names::SESSION_FILTER, envoy::pack(&config)))
}

/// Where clients send the cookie: where the route is (GEP-1619, "path").
fn cookie_path(path: &ir::PathMatch) -> &str {
    match path {
        ir::PathMatch::Exact(path) | ir::PathMatch::Prefix(path) => path,
        ir::PathMatch::Regex(_) => "/",
    }
}
