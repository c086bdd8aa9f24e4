//! Which listener of a port a host name belongs to: the most specific one (Gateway API,
//! Gateway.spec.listeners, "listener isolation").

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir::Hostname;

use super::{ListenerDraft, Socket};

/// Host names of listeners, by what they bind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(BTreeMap<Socket, BTreeSet<Hostname>>);

// === impl Claims ===

impl Claims {
    pub(super) fn new<'a>(listeners: impl IntoIterator<Item = &'a ListenerDraft>) -> Self {
        let mut claims: BTreeMap<Socket, BTreeSet<Hostname>> = BTreeMap::new();
        for listener in listeners.into_iter().filter(|it| it.claims()) {
            let names = claims.entry(listener.socket()).or_default();
            names.insert(listener.hostname.clone());
        }
        Self(claims)
    }

    /// Whether a host name of `listener` belongs to a more specific listener of its port.
    pub(crate) fn elsewhere(&self, listener: &ListenerDraft, name: &Hostname) -> bool {
        let Some(names) = self.0.get(&listener.socket()) else {
            return false;
        };
        let owner = upward(name).find(|name| names.contains(name));
        owner.is_some_and(|owner| owner != listener.hostname)
    }
}

/// A host name and all that cover it, most specific first.
pub(crate) fn upward(name: &Hostname) -> impl Iterator<Item = Hostname> + use<> {
    let (exact, text) = match name {
        Hostname::Exact(text) => (Some(name.clone()), text.clone()),
        Hostname::Suffix(text) => (None, text.clone()),
        Hostname::Any => (None, String::new()),
    };
    let first = usize::from(exact.is_some());
    let dots: Vec<usize> = text
        .match_indices('.')
        .map(|(at, _)| at)
        .filter(|at| *at >= first)
        .collect();
    let suffixes = dots.into_iter().filter_map(move |at| {
        text.get(at..)
            .map(|rest| Hostname::Suffix(rest.to_string()))
    });
    exact
        .into_iter()
        .chain(suffixes)
        .chain(std::iter::once(Hostname::Any))
}

#[cfg(test)]
mod tests {
    use super::upward;
    use tollgate_ir::Hostname;

    fn check(name: &str, expect: &[&str]) {
        let actual: Vec<String> = upward(&Hostname::parse(Some(name)))
            .map(|name| name.domain())
            .collect();
        assert_eq!(actual, expect, "{name}");
    }

    #[test]
    fn a_host_name_is_covered_by_its_wildcards_from_the_longest() {
        check(
            "a.b.example.com",
            &[
                "a.b.example.com",
                "*.b.example.com",
                "*.example.com",
                "*.com",
                "*",
            ],
        );
        check("*.example.com", &["*.example.com", "*.com", "*"]);
        check("localhost", &["localhost", "*"]);
        check("*", &["*"]);
    }
}
