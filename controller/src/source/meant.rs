//! What a document that cannot be read was meant to be, as far as its text tells: a mistake in a
//! client or in a budget must not be the same as having none.

use serde_json::{Value, json};
use tollgate_crds::DEFAULT_NAMESPACE;

/// Kinds whose absence would let somebody in, or let somebody spend.
const GUARDS: [&str; 2] = ["Consumer", "TokenBudget"];

/// The skeleton of an object of such a kind; `None`: nothing in the text names one.
pub(super) fn guard(text: &str) -> Option<Value> {
    let kind = values(text, "kind").find_map(|kind| GUARDS.into_iter().find(|it| *it == kind))?;
    let api_version = values(text, "apiVersion").find(|it| it.starts_with("tollgate.dev/"))?;
    let first = |key| values(text, key).next();
    Some(json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": first("name").unwrap_or_default(),
            "namespace": first("namespace").unwrap_or(DEFAULT_NAMESPACE),
        },
    }))
}

/// What stands behind `key:` wherever that is written, in block or flow style or JSON.
fn values<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(key).filter_map(move |(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let is_key =
            before.is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | ','));
        let rest = text.get(at + key.len()..)?;
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
        let rest = rest.trim_start_matches(' ');
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | '#'));
        let value = rest.get(..end.unwrap_or(rest.len()))?;
        (is_key && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_guard_is_known_in_every_style() {
        for text in [
            "apiVersion: tollgate.dev/v1alpha1\nkind: Consumer\nmetadata: {name: alice, namespace: team}\nspec: {apiKeys: [",
            "kind: \"Consumer\" # a client\napiVersion: tollgate.dev/v1alpha1\nmetadata:\n  namespace: team\n  name: alice\nspec: }",
            r#"{"apiVersion":"tollgate.dev/v1alpha1","kind": "Consumer","metadata":{"name":"alice","namespace":"team""#,
        ] {
            let guard = guard(text).expect(text);
            assert_eq!(guard["kind"], "Consumer");
            assert_eq!(guard["metadata"]["name"], "alice");
            assert_eq!(guard["metadata"]["namespace"], "team");
        }
    }

    #[test]
    fn document_without_a_namespace_is_in_the_default_one() {
        let guard = guard("apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nspec: [")
            .expect("a budget");
        assert_eq!(guard["metadata"]["namespace"], DEFAULT_NAMESPACE);
    }

    #[test]
    fn other_kinds_and_groups_are_none() {
        assert_eq!(guard("apiVersion: v1\nkind: Secret\nmetadata: ["), None);
        assert_eq!(
            guard("apiVersion: example.com/v1\nkind: Consumer\nspec: ["),
            None
        );
        assert_eq!(
            guard("apiVersion: tollgate.dev/v1\nmankind: Consumer\n["),
            None
        );
        assert_eq!(guard(""), None);
    }
}
