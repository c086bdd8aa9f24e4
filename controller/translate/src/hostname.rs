//! Host names: what a route and a listener have in common.

use tollgate_ir::Hostname;

/// The host names on which a route is served by a listener. A route without host names is served
/// on the listener's own.
pub(crate) fn intersections(route: &[Hostname], listener: &Hostname) -> Vec<Hostname> {
    if route.is_empty() {
        return vec![listener.clone()];
    }
    let mut names: Vec<Hostname> = route
        .iter()
        .filter_map(|name| intersection(name, listener))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The more specific of two host names if one covers the other.
pub(crate) fn intersection(a: &Hostname, b: &Hostname) -> Option<Hostname> {
    if covers(b, a) {
        Some(a.clone())
    } else if covers(a, b) {
        Some(b.clone())
    } else {
        None
    }
}

/// Whether every host that `inner` names is one that `outer` names. A wildcard stands for one or
/// more labels, so `*.example.com` does not cover `example.com`.
pub(crate) fn covers(outer: &Hostname, inner: &Hostname) -> bool {
    match (outer, inner) {
        (Hostname::Any, _) => true,
        (Hostname::Exact(outer), Hostname::Exact(inner)) => outer == inner,
        (Hostname::Suffix(outer), Hostname::Suffix(inner)) => inner.ends_with(outer.as_str()),
        (Hostname::Suffix(outer), Hostname::Exact(inner)) => {
            inner.len() > outer.len() && inner.ends_with(outer.as_str())
        }
        (Hostname::Exact(_) | Hostname::Suffix(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::intersection;
    use tollgate_ir::Hostname;

    fn check(a: &str, b: &str, expect: Option<&str>) {
        let parse = |text| Hostname::parse(Some(text));
        for (a, b) in [(a, b), (b, a)] {
            let actual = intersection(&parse(a), &parse(b)).map(|name| name.domain());
            assert_eq!(actual.as_deref(), expect, "{a} and {b}");
        }
    }

    #[test]
    fn two_host_names_share_the_more_specific_one() {
        check("*", "api.example.com", Some("api.example.com"));
        check("*.example.com", "api.example.com", Some("api.example.com"));
        check("*.example.com", "a.b.example.com", Some("a.b.example.com"));
        check("*.example.com", "*.b.example.com", Some("*.b.example.com"));
        check("*.example.com", "example.com", None);
        check("*.example.com", "api.example.org", None);
        check("*.example.com", "badexample.com", None);
        check("a.example.com", "b.example.com", None);
    }
}
