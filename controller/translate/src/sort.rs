//! Orders: of objects before they are translated, of host names and routes after.

use std::cmp::{Ordering, Reverse};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_ir::{HeaderMatch, Hostname, HttpMatch, PathMatch, TextMatch};

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
    fn key(metadata: &ObjectMeta) -> impl Ord {
        (
            metadata.creation_timestamp.as_ref().map(|time| time.0),
            metadata.namespace.as_deref(),
            metadata.name.as_deref(),
        )
    }
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

/// Precedence of a match; the greater goes first. Gateway API, HTTPRouteRule.matches: path kind,
/// path length, method, headers, query parameters. GRPCRouteRule.matches: characters of the
/// service, characters of the method, headers. Where it is silent (expressions among prefixes,
/// exact among expressions) Envoy Gateway's order stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MatchPrecedence {
    /// Whether a GRPCRoute gives names and no expressions; `false` of an HTTPRoute.
    exact_names: bool,
    /// Of a GRPCRoute; 0 of an HTTPRoute.
    service_chars: usize,
    /// Of a GRPCRoute; 0 of an HTTPRoute.
    method_chars: usize,
    path_kind: u8,
    path_chars: usize,
    method: bool,
    headers: usize,
    exact_headers: usize,
    query: usize,
    exact_query: usize,
}

/// How a GRPCRoute names services and methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// As they are.
    Exact,
    /// By expressions.
    Regex,
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
        Self {
            path_kind,
            path_chars,
            method: method.is_some(),
            headers: headers.len(),
            exact_headers: exact(headers.iter().map(|header| &header.value)),
            query: query.len(),
            exact_query: exact(query.iter().map(|query| &query.value)),
            ..Self::default()
        }
    }

    /// Of a match of a GRPCRoute, by what it says of the service and the method.
    pub(crate) fn of_grpc(
        (service, method): (&str, &str),
        names: Names,
        headers: &[HeaderMatch],
    ) -> Self {
        let given = !service.is_empty() || !method.is_empty();
        Self {
            exact_names: given && names == Names::Exact,
            service_chars: service.chars().count(),
            method_chars: method.chars().count(),
            headers: headers.len(),
            exact_headers: exact(headers.iter().map(|header| &header.value)),
            ..Self::default()
        }
    }
}

fn exact<'a>(values: impl Iterator<Item = &'a TextMatch>) -> usize {
    values
        .filter(|value| matches!(value, TextMatch::Exact(_)))
        .count()
}
