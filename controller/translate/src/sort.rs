//! Orders: of objects before they are translated, of host names and routes after.

use std::cmp::{Ordering, Reverse};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_ir::{Hostname, HttpMatch, PathMatch, TextMatch};

/// Objects by age, then by name: whoever comes first keeps what two of them want.
pub(crate) fn by_age<'a, T>(
    objects: impl Iterator<Item = &'a T>,
    metadata: impl Fn(&T) -> &ObjectMeta,
) -> Vec<&'a T> {
    let mut objects: Vec<&T> = objects.collect();
    objects.sort_by(|a, b| age_order(metadata(a), metadata(b)));
    objects
}

/// The order of [`by_age`] of two objects.
pub(crate) fn age_order(a: &ObjectMeta, b: &ObjectMeta) -> Ordering {
    let key = |metadata: &ObjectMeta| {
        (
            metadata.creation_timestamp.as_ref().map(|time| time.0),
            metadata.namespace.clone(),
            metadata.name.clone(),
        )
    };
    key(a).cmp(&key(b))
}

/// Most specific host name first: exact ones, then wildcards by length, then any.
pub(crate) fn hostname_order(a: &Hostname, b: &Hostname) -> Ordering {
    let rank = |name: &Hostname| match name {
        Hostname::Exact(_) => (0, Reverse(0)),
        Hostname::Suffix(suffix) => (1, Reverse(suffix.len())),
        Hostname::Any => (2, Reverse(0)),
    };
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// Precedence of a match of an HTTPRoute; the greater goes first. Gateway API,
/// HTTPRouteRule.matches: path kind, path length, method, headers, query parameters. Where it is
/// silent (expressions among prefixes, exact among expressions) Envoy Gateway's order stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MatchPrecedence {
    path_kind: u8,
    path_chars: usize,
    method: bool,
    headers: usize,
    exact_headers: usize,
    query: usize,
    exact_query: usize,
}

// === impl MatchPrecedence ===

impl MatchPrecedence {
    pub(crate) fn of(matches: &HttpMatch) -> Self {
        let HttpMatch {
            path,
            method,
            headers,
            query,
        } = matches;
        let (path_kind, path_chars) = match path {
            PathMatch::Exact(path) => (2, path.chars().count()),
            PathMatch::Regex(path) => (1, path.chars().count()),
            PathMatch::Prefix(path) if path == "/" => (0, 0),
            PathMatch::Prefix(path) => (0, path.chars().count()),
        };
        let exact = |value: &TextMatch| matches!(value, TextMatch::Exact(_));
        Self {
            path_kind,
            path_chars,
            method: method.is_some(),
            headers: headers.len(),
            exact_headers: headers.iter().filter(|header| exact(&header.value)).count(),
            query: query.len(),
            exact_query: query.iter().filter(|query| exact(&query.value)).count(),
        }
    }
}
