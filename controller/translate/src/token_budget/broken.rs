//! Documents that are meant to be a TokenBudget and cannot be one: what they apply to refuses,
//! because a mistake in a limit must not be the same as no limit.
//!
//! Made by whoever reads manifests. An API server refuses such an object, so a cluster has none.

use serde_json::Value;
use tollgate_crds::tollgate::{Mode, TokenBudget};
use tollgate_crds::{DEFAULT_NAMESPACE, PolicyTargetReference};

use super::binding::{Binding, Effect, Reach, Refusal};
use crate::status::{
    ACCEPTED, CONFLICTED, Condition, ENFORCED, ObjectRef, Problem, Statuses, reason,
};
use crate::{NamespacedName, World, groups, world};

/// Length of a condition's message from which on nothing is added.
const MESSAGE_BYTES_MAX: usize = 4096;

/// A document that is meant to be a TokenBudget and is not in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenBudget {
    name: NamespacedName,
    /// As far as they can be read; empty is the whole namespace.
    targets: Vec<PolicyTargetReference>,
    is_shadow: bool,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// It breaks these rules.
    Invalid(String),
    /// There is another of this name, which is used.
    Duplicate(String),
}

// === impl BrokenBudget ===

impl BrokenBudget {
    /// A document that is meant to be a TokenBudget, whether it is one or not; `None` for any
    /// other. Of targets that cannot be read, the whole namespace.
    pub fn read(document: &Value) -> Option<Self> {
        let group = document["apiVersion"].as_str()?.split('/').next();
        if document["kind"] != "TokenBudget" || group != Some(groups::TOLLGATE) {
            return None;
        }
        let metadata = &document["metadata"];
        let namespace = metadata["namespace"].as_str();
        let targets: Option<Vec<PolicyTargetReference>> =
            serde_json::from_value(document["spec"]["targetRefs"].clone()).ok();
        Some(Self {
            name: NamespacedName::new(
                namespace.unwrap_or(DEFAULT_NAMESPACE),
                metadata["name"].as_str().unwrap_or_default(),
            ),
            targets: targets.unwrap_or_default(),
            is_shadow: document["spec"]["mode"] == "Shadow",
            why: Why::Invalid("it cannot be read".to_string()),
        })
    }

    /// The same, with the rules that it breaks.
    #[must_use]
    pub fn because(self, rules: String) -> Self {
        Self {
            why: Why::Invalid(rules),
            ..self
        }
    }

    /// One at `place`, whose name another has that is used.
    pub(crate) fn duplicate(object: &TokenBudget, place: &str) -> Self {
        let message = format!("metadata.name: the one at {place} has the name of another");
        Self {
            name: world::key(&object.metadata),
            targets: object.spec.target_refs.clone(),
            is_shadow: object.spec.mode == Mode::Shadow,
            why: Why::Duplicate(message),
        }
    }

    /// What an object of its name holds is served.
    pub(super) fn binding(&self, world: &World) -> Binding {
        let (Why::Invalid(message) | Why::Duplicate(message)) = &self.why;
        let effect = Effect::of_refusal(&self.name, self.is_shadow, message);
        let is_beside = world.token_budgets.contains_key(&self.name);
        let effect = match effect {
            Effect::Refuse(refusal) if is_beside => Effect::Refuse(Refusal {
                unless_held: Some(self.name.to_string()),
                ..refusal
            }),
            other => other,
        };
        Binding::new(&self.name.namespace, &self.targets, effect)
    }

    /// Beside an object of its name it speaks on that one, else for itself.
    pub(super) fn report(&self, reach: &Reach, statuses: &mut Statuses) {
        let alone = "what it alone applies to refuses requests";
        let object = ObjectRef::namespaced(groups::TOLLGATE, "TokenBudget", &self.name);
        let conditions = &mut statuses.entry(object).conditions;
        let message = match &self.why {
            Why::Duplicate(message) => {
                format!("{message}, this one, and is not in effect; {alone}")
            }
            Why::Invalid(message) if !conditions.is_empty() => {
                format!("metadata.name: another of this name is not valid: {message}; {alone}")
            }
            Why::Invalid(message) => {
                let consequence = reach.of_refusal(self.is_shadow);
                let accepted = format!("{message}; {consequence}");
                let enforced = "a budget that is not valid cannot be enforced";
                conditions.extend([
                    Condition::fails(ACCEPTED, &Problem::new(reason::INVALID, accepted), None),
                    Condition::fails(ENFORCED, &Problem::new(reason::INVALID, enforced), None),
                ]);
                return;
            }
        };
        match conditions.iter_mut().find(|it| it.kind == CONFLICTED) {
            Some(there) if there.message.len() > MESSAGE_BYTES_MAX => {}
            Some(there) => there.message = format!("{}; {message}", there.message),
            None => {
                let reason = reason::CONFLICTED;
                conditions.push(Condition::holds(CONFLICTED, reason, message, None));
            }
        }
    }
}
