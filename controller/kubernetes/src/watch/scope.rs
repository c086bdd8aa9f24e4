//! Which namespaces a controller looks at.

mod selector;

use std::collections::{BTreeMap, BTreeSet};

pub use selector::{Selector, SelectorError};

/// The namespaces whose objects are read. Objects without a namespace always are.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// By name; empty is all.
    pub namespaces: BTreeSet<String>,
    /// By the labels of the Namespace, as `kubectl --selector` takes them.
    pub selector: Option<Selector>,
}

// === impl Scope ===

impl Scope {
    /// A scope, as told on the command line.
    ///
    /// # Errors
    /// When `selector` is not one.
    pub fn parse(
        namespaces: impl IntoIterator<Item = String>,
        selector: Option<&str>,
    ) -> Result<Self, SelectorError> {
        let selector = selector.filter(|text| !text.trim().is_empty());
        let selector = selector.map(Selector::parse);
        Ok(Self {
            namespaces: namespaces.into_iter().collect(),
            selector: selector.transpose()?,
        })
    }

    /// Whether objects of a namespace with these labels are read. `None`: the Namespace is not
    /// known (yet).
    pub(crate) fn contains(&self, name: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        let named = self.namespaces.is_empty() || self.namespaces.contains(name);
        named
            && match &self.selector {
                None => true,
                Some(selector) => labels.is_some_and(|labels| selector.matches(labels)),
            }
    }

    /// Whether labels of a Namespace matter.
    pub(crate) fn needs_labels(&self) -> bool {
        self.selector.is_some()
    }

    /// The namespaces to watch one by one; `None` alone is all at once.
    pub(crate) fn watched(&self) -> Vec<Option<String>> {
        if self.namespaces.is_empty() {
            return vec![None];
        }
        self.namespaces.iter().cloned().map(Some).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Scope;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn empty_scope_contains_everything_without_labels() {
        let scope = Scope::parse([], None).expect("a scope");
        assert!(scope.contains("a", None));
        assert_eq!(scope.watched(), [None]);
        assert!(!scope.needs_labels());
    }

    #[test]
    fn selector_takes_namespaces_by_label_and_none_that_is_unknown() {
        let scope = Scope::parse([], Some("env in (prod, test),!old")).expect("a scope");
        assert!(scope.contains("a", Some(&labels(&[("env", "prod")]))));
        assert!(!scope.contains("a", Some(&labels(&[("env", "prod"), ("old", "1")]))));
        assert!(!scope.contains("a", Some(&labels(&[]))));
        assert!(!scope.contains("a", None));
    }

    #[test]
    fn list_takes_namespaces_by_name_one_watch_each() {
        let scope = Scope::parse(["b".to_string(), "a".to_string()], None).expect("a scope");
        assert!(scope.contains("a", None));
        assert!(!scope.contains("c", None));
        assert_eq!(
            scope.watched(),
            [Some("a".to_string()), Some("b".to_string())]
        );
    }

    #[test]
    fn wrong_selector_is_named() {
        let error = Scope::parse([], Some("env in prod")).expect_err("no selector");
        assert_eq!(error.part, "env in prod");
    }
}
