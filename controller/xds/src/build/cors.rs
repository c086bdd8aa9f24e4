//! Cross-origin requests: what a route tells the filter, and the routes that preflights take.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::cors_filter::{Cors, CorsPolicy};
use envoy::hcm::{HttpFilter, http_filter};
use envoy::matcher::{StringMatcher, string_matcher::MatchPattern};
use envoy::route::{HeaderMatcher, Route, RouteMatch, header_matcher::HeaderMatchSpecifier, route};
use envoy::well_known::{Any, BoolValue};

use super::names;
use super::rewrite::escape_regex;
use super::value::{exact, regex, string_matcher};

const ANY: &str = "*";

/// The filter of a port. It is always there, so that the first route that asks for it does not
/// change the listener.
pub(super) fn build_filter() -> HttpFilter {
    HttpFilter {
        name: names::CORS_FILTER.to_string(),
        // Routes with a policy enable it.
        disabled: true,
        config_type: Some(http_filter::ConfigType::TypedConfig(envoy::pack(&Cors {}))),
        ..HttpFilter::default()
    }
}

/// What a route with these filters tells it; the first policy counts.
pub(super) fn build_route(filters: &[ir::Filter]) -> Option<(&'static str, Any)> {
    let cors = of_filters(filters)?;
    Some((names::CORS_FILTER, envoy::pack(&build_policy(cors))))
}

fn of_filters(filters: &[ir::Filter]) -> Option<&ir::Cors> {
    filters.iter().find_map(|filter| match filter {
        ir::Filter::Cors(cors) => Some(cors),
        ir::Filter::RequestHeaders(_)
        | ir::Filter::ResponseHeaders(_)
        | ir::Filter::UrlRewrite(_)
        | ir::Filter::Mirror(_)
        | ir::Filter::ExternalAuth(_) => None,
    })
}

/// The route by which preflights for this one come, if they do not come by it itself: a preflight
/// has another method and none of the headers of the request that it asks for.
pub(super) fn build_preflight(source: &ir::HttpRoute, built: &Route) -> Option<Route> {
    let ir::HttpMatch {
        path: _,
        method,
        headers,
        query: _,
    } = &source.matches;
    let by_cluster = matches!(built.action, Some(route::Action::Route(_)));
    if (method.is_none() && headers.is_empty())
        || of_filters(&source.filters).is_none()
        || !by_cluster
    {
        return None;
    }
    let asked = match method {
        Some(method) => HeaderMatchSpecifier::StringMatch(exact(method)),
        None => HeaderMatchSpecifier::PresentMatch(true),
    };
    let header = |name: &str, specifier| HeaderMatcher {
        name: name.to_string(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    };
    let matches = built.r#match.clone().map(|matches| RouteMatch {
        headers: vec![
            header(
                ":method",
                HeaderMatchSpecifier::StringMatch(exact("OPTIONS")),
            ),
            header("origin", HeaderMatchSpecifier::PresentMatch(true)),
            header("access-control-request-method", asked),
        ],
        ..matches
    });
    Some(Route {
        name: format!("{}/cors-preflight", built.name),
        r#match: matches,
        ..built.clone()
    })
}

/// Envoy answers `*` for methods and headers with what was asked for, and for origins with the
/// origin: right with credentials and without.
fn build_policy(cors: &ir::Cors) -> CorsPolicy {
    let ir::Cors {
        allow_origins,
        allow_methods,
        allow_headers,
        expose_headers,
        allow_credentials,
        max_age_s,
    } = cors;
    let exposed = expose_headers.iter().map(String::as_str);
    CorsPolicy {
        allow_origin_string_match: allow_origins.iter().map(|it| build_origin(it)).collect(),
        allow_methods: any_or_list(allow_methods),
        allow_headers: any_or_list(allow_headers),
        // With credentials, `*` would be the name of a header (Fetch, section 3.3.3).
        expose_headers: exposed
            .filter(|name| !(*allow_credentials && *name == ANY))
            .collect::<Vec<_>>()
            .join(", "),
        max_age: max_age_s.map(|age| age.to_string()).unwrap_or_default(),
        allow_credentials: allow_credentials.then_some(BoolValue { value: true }),
        // A preflight that is not allowed is answered here, without the headers that allow it.
        forward_not_matching_preflights: Some(BoolValue { value: false }),
        ..CorsPolicy::default()
    }
}

fn any_or_list(values: &[String]) -> String {
    if values.iter().any(|value| value == ANY) {
        return ANY.to_string();
    }
    values.join(", ")
}

/// `*` stands for one or more labels. Browsers write origins in lower case.
fn build_origin(origin: &str) -> StringMatcher {
    let origin = origin.to_ascii_lowercase();
    // The filter knows a matcher for the text `*` as "any origin".
    if origin == ANY || !origin.contains(ANY) {
        return exact(&origin);
    }
    let expression = escape_regex(&origin).replace(r"\*", "[^:/]+");
    string_matcher(MatchPattern::SafeRegex(regex(&expression)))
}
