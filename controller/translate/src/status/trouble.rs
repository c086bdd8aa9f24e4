//! Which conditions say that something is not in effect as its author hopes, and how people are
//! told: `tollgate check` and the log of the gateway.

use super::{Condition, ConditionStatus, ObjectRef, Status};

/// Conditions that warn when they are true; all others are bad when false.
const WARNINGS: [&str; 5] = [
    "Conflicted",
    "InsecureFrontendValidationMode",
    "OverlappingTLSConfig",
    "PartiallyInvalid",
    "Warning",
];

// === impl Status ===

impl Status {
    /// What is wrong with `object`, a line for each trouble and each line once: a route with one
    /// parent is told the same twice, of itself and of its parent.
    pub fn troubles(&self, object: &ObjectRef) -> Vec<String> {
        let Self {
            conditions,
            listeners,
            addresses: _,
            attached_listener_sets: _,
            parents,
            ancestors,
            supported_features: _,
        } = self;
        let all = conditions
            .iter()
            .chain(listeners.iter().flat_map(|listener| &listener.conditions))
            .chain(parents.iter().flat_map(|parent| &parent.conditions))
            .chain(ancestors.iter().flat_map(|ancestor| &ancestor.conditions));
        let mut told = Vec::new();
        for condition in all.filter(|condition| condition.is_bad()) {
            let line = line(object, condition);
            if !told.contains(&line) {
                told.push(line);
            }
        }
        told
    }
}

// === impl Condition ===

impl Condition {
    fn is_bad(&self) -> bool {
        let warns = WARNINGS.contains(&self.kind);
        match self.status {
            ConditionStatus::False => !warns,
            ConditionStatus::True => warns,
            ConditionStatus::Unknown => false,
        }
    }
}

/// `AIGatewayRoute default/llm: ResolvedRefs is False (SecretNotFound): …`
fn line(object: &ObjectRef, condition: &Condition) -> String {
    let namespace = object
        .namespace
        .as_ref()
        .map_or(String::new(), |namespace| format!("{namespace}/"));
    format!(
        "{} {namespace}{}: {} is {:?} ({}): {}",
        object.kind,
        object.name,
        condition.kind,
        condition.status,
        condition.reason,
        condition.message,
    )
}
