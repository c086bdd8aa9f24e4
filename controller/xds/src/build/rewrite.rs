//! Host and path changes before a request goes upstream. Path changes are shared with redirects.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::matcher::RegexMatchAndSubstitute;
use envoy::route::{RouteAction, route_action::HostRewriteSpecifier};

use super::value::regex;

/// A path change as Envoy can do it.
pub(super) enum PathChange {
    /// The matched prefix is replaced.
    Prefix(String),
    /// What a regular expression finds is replaced.
    Regex(RegexMatchAndSubstitute),
}

pub(super) fn apply(action: &mut RouteAction, filters: &[ir::Filter], matched: &ir::PathMatch) {
    if let Some(host) = host(filters) {
        action.host_rewrite_specifier =
            Some(HostRewriteSpecifier::HostRewriteLiteral(host.to_string()));
    }
    let path = rewrites(filters).find_map(|rewrite| rewrite.path.as_ref());
    match path.and_then(|path| build_path_change(path, matched)) {
        Some(PathChange::Prefix(prefix)) => action.prefix_rewrite = prefix,
        Some(PathChange::Regex(change)) => action.regex_rewrite = Some(change),
        None => {}
    }
}

/// The host that a rewrite asks for.
pub(super) fn host(filters: &[ir::Filter]) -> Option<&str> {
    rewrites(filters).find_map(|rewrite| rewrite.hostname.as_deref())
}

fn rewrites(filters: &[ir::Filter]) -> impl Iterator<Item = &ir::UrlRewrite> {
    filters.iter().filter_map(|filter| match filter {
        ir::Filter::UrlRewrite(rewrite) => Some(rewrite),
        ir::Filter::RequestHeaders(_)
        | ir::Filter::ResponseHeaders(_)
        | ir::Filter::Mirror(_)
        | ir::Filter::ExternalAuth(_)
        | ir::Filter::Cors(_) => None,
    })
}

/// `None` where a prefix shall be replaced but none was matched: Gateway API allows it only
/// with a prefix match.
pub(super) fn build_path_change(
    path: &ir::PathRewrite,
    matched: &ir::PathMatch,
) -> Option<PathChange> {
    match path {
        // The query stays: Envoy rewrites the path without it.
        ir::PathRewrite::Full(full) => Some(PathChange::Regex(substitute("^/.*$", full))),
        ir::PathRewrite::Prefix(to) => match matched {
            ir::PathMatch::Prefix(from) => Some(build_prefix_change(from, to)),
            ir::PathMatch::Exact(_) | ir::PathMatch::Regex(_) => None,
        },
    }
}

/// `/a` → `/b` maps `/a` to `/b` and `/a/x` to `/b/x`. With `/` on either side a plain
/// replacement would lose or double a slash.
fn build_prefix_change(from: &str, to: &str) -> PathChange {
    let to = to.trim_end_matches('/');
    match (from == "/", to.is_empty()) {
        (true, true) => PathChange::Prefix("/".to_string()),
        (true, false) => PathChange::Regex(substitute("^/", &format!("{to}/"))),
        (false, true) => PathChange::Regex(substitute(&format!("^{}/*", escape_regex(from)), "/")),
        (false, false) => PathChange::Prefix(to.to_string()),
    }
}

fn substitute(expression: &str, text: &str) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(regex(expression)),
        // A backslash starts a group reference.
        substitution: text.replace('\\', r"\\"),
    }
}

pub(super) fn escape_regex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
