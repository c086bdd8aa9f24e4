//! Which of the changed pieces a refusal can be about. Pure.

use tollgate_xds::{Rejection, ResourceType};

use crate::piece::{Level, Suspect};
use crate::publish::blamed;

/// Those in the resources that were refused; all where the resources do not tell.
pub(super) fn narrow(suspects: &[Suspect], rejection: &Rejection) -> Vec<Suspect> {
    let names = blamed(rejection);
    let is_named = |name: &String| names.contains(&name);
    let matching = |suspect: &&Suspect| match rejection.kind {
        ResourceType::Listener => match &suspect.listener {
            Some(listener) => is_named(listener) && suspect.piece.level() <= Level::Chain,
            None => true,
        },
        ResourceType::Route => suspect.routes.as_ref().is_some_and(is_named),
        ResourceType::Cluster | ResourceType::Endpoint => suspect.clusters.iter().any(is_named),
        // Secrets have names of their own.
        ResourceType::Secret => true,
    };
    let found: Vec<Suspect> = suspects.iter().filter(matching).cloned().collect();
    if found.is_empty() {
        return suspects.to_vec();
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tollgate_xds::{Rejection, ResourceType};

    use super::narrow;
    use crate::piece::{Piece, Suspect};

    fn suspects() -> Vec<Suspect> {
        let listener = |name: &str| Suspect {
            piece: Piece::Listener {
                name: name.to_string(),
            },
            listener: Some(name.to_string()),
            routes: None,
            clusters: BTreeSet::new(),
        };
        let route = |listener: &str, name: &str| Suspect {
            piece: Piece::Route {
                host: listener.to_string(),
                name: name.to_string(),
            },
            listener: Some(listener.to_string()),
            routes: Some(listener.to_string()),
            clusters: [format!("{name}/backend")].into(),
        };
        vec![
            listener("a"),
            route("a", "one"),
            route("a", "two"),
            listener("b"),
            route("b", "three"),
        ]
    }

    fn check(kind: ResourceType, names: &[&str], error: &str, expect: &[&str]) {
        let rejection = Rejection {
            version: "1".to_string(),
            kind,
            names: names.iter().map(ToString::to_string).collect(),
            error: error.to_string(),
        };
        let found = narrow(&suspects(), &rejection);
        let found: Vec<&str> = found.iter().map(|suspect| suspect.piece.name()).collect();
        assert_eq!(found, expect, "{kind:?} {names:?} {error}");
    }

    #[test]
    fn pieces_of_the_refused_resources_are_suspected() {
        let kind = ResourceType::Listener;
        check(kind, &["a", "b"], "cannot bind", &["a", "b"]);
        check(kind, &["listener/x", "b"], "adding b: cannot bind", &["b"]);
        let kind = ResourceType::Route;
        check(kind, &["a"], "bad regex", &["one", "two"]);
        let kind = ResourceType::Cluster;
        check(kind, &["two/backend", "x"], "two/backend: no", &["two"]);
    }

    #[test]
    fn everything_is_suspected_where_the_resources_do_not_tell() {
        let all = ["a", "one", "two", "b", "three"];
        check(ResourceType::Secret, &["ca/1"], "no PEM", &all);
        check(ResourceType::Cluster, &["elsewhere"], "no", &all);
    }
}
