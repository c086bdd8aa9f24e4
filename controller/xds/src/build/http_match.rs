//! Conditions of plain HTTP routes.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::matcher::{StringMatcher, string_matcher::MatchPattern};
use envoy::route::{
    HeaderMatcher, QueryParameterMatcher, RouteMatch, header_matcher::HeaderMatchSpecifier,
    query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
};

use super::value::{exact, regex, string_matcher};

pub(super) fn build_match(matches: &ir::HttpMatch) -> RouteMatch {
    let ir::HttpMatch {
        path,
        method,
        headers,
        query,
    } = matches;
    let method = method
        .iter()
        .map(|method| build_header(":method", exact(method)));
    let headers = headers
        .iter()
        .map(|header| build_header(&header.name, build_text(&header.value)));
    RouteMatch {
        path_specifier: Some(build_path(path)),
        headers: method.chain(headers).collect(),
        query_parameters: query.iter().map(build_query).collect(),
        ..RouteMatch::default()
    }
}

fn build_path(path: &ir::PathMatch) -> PathSpecifier {
    match path {
        ir::PathMatch::Exact(path) => PathSpecifier::Path(path.clone()),
        // Envoy refuses `/` as a separated prefix.
        ir::PathMatch::Prefix(path) if path == "/" => PathSpecifier::Prefix(path.clone()),
        ir::PathMatch::Prefix(path) => PathSpecifier::PathSeparatedPrefix(path.clone()),
        ir::PathMatch::Regex(expression) => PathSpecifier::SafeRegex(regex(expression)),
    }
}

fn build_header(name: &str, value: StringMatcher) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_string(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(value)),
        ..HeaderMatcher::default()
    }
}

fn build_query(query: &ir::QueryMatch) -> QueryParameterMatcher {
    let value = build_text(&query.value);
    QueryParameterMatcher {
        name: query.name.clone(),
        query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::StringMatch(value)),
    }
}

fn build_text(text: &ir::TextMatch) -> StringMatcher {
    match text {
        ir::TextMatch::Exact(text) => exact(text),
        ir::TextMatch::Regex(expression) => {
            string_matcher(MatchPattern::SafeRegex(regex(expression)))
        }
    }
}
