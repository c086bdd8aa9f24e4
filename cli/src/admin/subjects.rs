//! Subjects as operators write them, and those that a configuration knows.

use std::collections::BTreeSet;

use tollgate_bundle::{Budget, Bundle, Consumer, Subject};

/// What callers without a key are together.
const ANONYMOUS: &str = "anonymous";

/// The subject's full name: `alice` → `user:default/alice`, in the budget's namespace.
pub(super) fn full_name(budget: &Budget, written: &str) -> String {
    if written.contains(':') || matches!(budget.subject, Subject::Shared) {
        return written.to_string();
    }
    let namespace = budget.id.split('/').next().unwrap_or_default();
    // A key's own name has a slash: consumer/secret.
    let slashes = match budget.subject {
        Subject::Key => 2,
        _ => 1,
    };
    let in_namespace = |kind: &str| {
        if written.matches('/').count() >= slashes {
            format!("{kind}:{written}")
        } else {
            format!("{kind}:{namespace}/{written}")
        }
    };
    match &budget.subject {
        Subject::User => in_namespace("user"),
        Subject::Team => in_namespace("team"),
        Subject::Org => in_namespace("org"),
        Subject::Key => in_namespace("key"),
        Subject::Route => in_namespace("route"),
        Subject::Backend => in_namespace("backend"),
        Subject::Model => format!("model:{written}"),
        Subject::Header(name) => format!("header:{name}/{written}"),
        Subject::ClientCertificate => format!("certificate:{written}"),
        Subject::Shared | Subject::Unknown(_) => written.to_string(),
    }
}

/// All subjects that can pay from this budget; `None` where the configuration does not tell.
pub(super) fn known(budget: &Budget, bundle: &Bundle) -> Option<BTreeSet<String>> {
    let own = budget.id.split('/').next().unwrap_or_default();
    let anonymous = |kind: &str| -> BTreeSet<String> {
        let namespaces = bundle.consumers.keys().map(String::as_str).chain([own]);
        namespaces
            .map(|namespace| format!("{kind}:{namespace}/{ANONYMOUS}"))
            .collect()
    };
    let mut known = match budget.subject {
        Subject::Shared => return Some(BTreeSet::from(["shared".to_string()])),
        Subject::User => anonymous("user"),
        Subject::Key => anonymous("key"),
        Subject::Team | Subject::Org => BTreeSet::new(),
        Subject::Route
        | Subject::Model
        | Subject::Backend
        | Subject::Header(_)
        | Subject::ClientCertificate
        | Subject::Unknown(_) => return None,
    };
    for (namespace, consumers) in &bundle.consumers {
        for consumer in consumers {
            known.extend(names_of(consumer, &budget.subject, namespace));
        }
    }
    Some(known)
}

/// What a consumer is called as a subject of this kind.
fn names_of(consumer: &Consumer, kind: &Subject, namespace: &str) -> Vec<String> {
    let name = &consumer.name;
    let one = |kind: &str, name: &Option<String>| {
        let name = name.iter();
        name.map(|name| format!("{kind}:{namespace}/{name}"))
            .collect()
    };
    match kind {
        Subject::User => vec![format!("user:{namespace}/{name}")],
        Subject::Team => one("team", &consumer.team),
        Subject::Org => one("org", &consumer.org),
        Subject::Key => {
            let keys = consumer.keys.iter();
            keys.map(|(key, _)| format!("key:{namespace}/{name}/{key}"))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tollgate_bundle::{Budget, Bundle, Consumer, Meter, Mode, OnStoreFailure, Subject};

    use super::{full_name, known};

    fn budget(subject: Subject) -> Budget {
        Budget {
            id: "shop/daily".to_string(),
            subject,
            limits: Vec::new(),
            meter: Meter::Total,
            mode: Mode::Strict,
            on_store_failure: OnStoreFailure::Closed,
            warn_percent: None,
        }
    }

    #[test]
    fn short_names_are_completed_by_the_kind_of_subject() {
        for (subject, written, full) in [
            (Subject::User, "alice", "user:shop/alice"),
            (Subject::User, "other/alice", "user:other/alice"),
            (Subject::User, "user:shop/alice", "user:shop/alice"),
            (Subject::Key, "alice/laptop", "key:shop/alice/laptop"),
            (Subject::Key, "shop/alice/laptop", "key:shop/alice/laptop"),
            (Subject::Team, "search", "team:shop/search"),
            (Subject::Model, "gpt-4o", "model:gpt-4o"),
            (
                Subject::Header("x-tenant".to_string()),
                "a/b",
                "header:x-tenant/a/b",
            ),
            (Subject::Shared, "shared", "shared"),
        ] {
            assert_eq!(full_name(&budget(subject), written), full);
        }
    }

    #[test]
    fn consumers_are_the_known_subjects() {
        let alice = Consumer {
            name: "alice".to_string(),
            keys: vec![("laptop".to_string(), "secret".to_string().into())],
            team: Some("search".to_string()),
            org: None,
        };
        let bundle = Bundle {
            consumers: BTreeMap::from([("shop".to_string(), vec![alice])]),
            ..Bundle::default()
        };
        let of = |subject| {
            known(&budget(subject), &bundle).map(|all| all.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(
            of(Subject::User),
            Some(vec![
                "user:shop/alice".to_string(),
                "user:shop/anonymous".to_string()
            ])
        );
        assert_eq!(
            of(Subject::Team),
            Some(vec!["team:shop/search".to_string()])
        );
        assert_eq!(of(Subject::Org), Some(Vec::new()));
        assert_eq!(
            of(Subject::Key),
            Some(vec![
                "key:shop/alice/laptop".to_string(),
                "key:shop/anonymous".to_string()
            ])
        );
        assert_eq!(of(Subject::Shared), Some(vec!["shared".to_string()]));
        assert_eq!(of(Subject::Model), None);
    }
}
