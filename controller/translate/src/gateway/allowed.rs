//! Which routes a listener takes (`allowedRoutes`), and which ListenerSets a Gateway takes.

use crate::{World, k8s};

/// Label of a namespace with its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Namespaces whose objects are taken: routes by a listener, ListenerSets by a Gateway.
#[derive(Clone, Debug)]
pub(crate) enum AllowedRoutes {
    /// Of every namespace.
    All,
    /// Of this namespace.
    Same(String),
    /// Of namespaces with these labels.
    Selector(k8s::Selector),
}

// === impl AllowedRoutes ===

impl AllowedRoutes {
    pub(crate) const fn all() -> Self {
        Self::All
    }

    /// As it is written; nothing written is the namespace of the object that the listener
    /// stands in.
    pub(super) fn new(
        allowed: Option<&k8s::GatewayListenersAllowedRoutes>,
        own_namespace: &str,
    ) -> Self {
        let namespaces = allowed.and_then(|allowed| allowed.namespaces.as_ref());
        let from = namespaces.and_then(|namespaces| namespaces.from.as_ref());
        match from {
            Some(k8s::From::All) => Self::All,
            Some(k8s::From::Selector) => Self::Selector(
                namespaces
                    .and_then(|namespaces| namespaces.selector.clone())
                    .unwrap_or_else(nothing),
            ),
            Some(k8s::From::Same) | None => Self::Same(own_namespace.to_string()),
        }
    }

    /// Whether objects of a namespace may attach.
    pub(crate) fn allows(&self, world: &World, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Same(own) => own == namespace,
            Self::Selector(selector) => selects(selector, |key| label(world, namespace, key)),
        }
    }

    /// In words, for a condition.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::All => "of every namespace".to_string(),
            Self::Same(own) => format!("of namespace {own} (allowedRoutes.namespaces.from: Same)"),
            Self::Selector(_) => {
                "of namespaces that allowedRoutes.namespaces.selector selects".to_string()
            }
        }
    }
}

/// A selector that was asked for and not written selects nothing: an operator who means every
/// namespace writes `All`.
fn nothing() -> k8s::Selector {
    k8s::Selector {
        match_expressions: Some(vec![expression(NAME_LABEL, "DoesNotExist")]),
        match_labels: None,
    }
}

fn expression(key: &str, operator: &str) -> k8s::SelectorExpression {
    k8s::SelectorExpression {
        key: key.to_string(),
        operator: operator.to_string(),
        values: None,
    }
}

/// A label of a namespace; Kubernetes itself sets the one with the name.
fn label<'a>(world: &'a World, namespace: &'a str, key: &str) -> Option<&'a str> {
    if key == NAME_LABEL {
        return Some(namespace);
    }
    let namespace = world.namespaces.get(namespace)?;
    let labels = namespace.metadata.labels.as_ref()?;
    labels.get(key).map(String::as_str)
}

/// Kubernetes' label selectors: all labels and all expressions must hold.
fn selects<'a>(selector: &k8s::Selector, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let k8s::Selector {
        match_expressions,
        match_labels,
    } = selector;
    let equal = match_labels
        .iter()
        .flatten()
        .all(|(key, value)| label(key) == Some(value));
    let expressions = match_expressions.iter().flatten().all(|expression| {
        let value = label(&expression.key);
        let listed = |value: &str| {
            let mut values = expression.values.iter().flatten();
            values.any(|it| it == value)
        };
        match expression.operator.as_str() {
            "In" => value.is_some_and(listed),
            "NotIn" => !value.is_some_and(listed),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    equal && expressions
}
