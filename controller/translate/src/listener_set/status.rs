//! What a ListenerSet and its listeners are told.

use std::ops::Range;

use super::{KIND, ListenerSetDraft, parent};
use crate::gateway::{GatewayDraft, Gateways, ListenerDraft, listener_status};
use crate::status::{
    ACCEPTED, Condition, ObjectRef, PROGRAMMED, Problem, Status, Statuses, reason,
};
use crate::{Options, World, world};

/// Writes the statuses of the sets of a Gateway, once every route is placed.
pub(crate) fn report(draft: &GatewayDraft, statuses: &mut Statuses) {
    for (index, set) in draft.listener_sets.iter().enumerate() {
        let listeners: Vec<&ListenerDraft> = draft.listeners_of(Some(index)).collect();
        let status = statuses.entry(set.object.clone());
        status.conditions = conditions(set, &listeners);
        status.listeners = listeners
            .into_iter()
            .map(|listener| listener_status(listener, set.generation))
            .collect();
    }
}

/// On a machine of our own every set is ours: those whose Gateway does not exist are told so.
pub(crate) fn report_lost(
    world: &World,
    options: &Options,
    gateways: &Gateways,
    statuses: &mut Statuses,
) {
    if options.standalone().is_none() {
        return;
    }
    for set in world.listener_sets.values() {
        let gateway = parent(set);
        let there = gateway
            .as_ref()
            .is_some_and(|name| gateways.find(name).is_some() || world.gateways.contains_key(name));
        if there {
            continue;
        }
        let message = match gateway {
            Some(name) => format!("spec.parentRef: Gateway {name} does not exist"),
            None => "spec.parentRef: only a Gateway can take listeners".to_string(),
        };
        let problem = Problem::new(reason::PARENT_NOT_ACCEPTED, message);
        let name = world::key(&set.metadata);
        let generation = set.metadata.generation;
        *statuses.entry(ObjectRef::namespaced(KIND.0, KIND.1, &name)) = Status {
            conditions: refused(&problem, generation),
            ..Status::default()
        };
    }
}

fn conditions(set: &ListenerSetDraft, listeners: &[&ListenerDraft]) -> Vec<Condition> {
    let generation = set.generation;
    if let Some(problem) = &set.refusal {
        return refused(problem, generation);
    }
    let (served, refused_names) = served(listeners);
    let not_valid = format!("listeners without effect: {}", refused_names.join(", "));
    if served == 0 {
        let problem = Problem::new(reason::LISTENERS_NOT_VALID, not_valid);
        return refused(&problem, generation);
    }
    let accepted = if refused_names.is_empty() {
        let message = "every listener is served";
        Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
    } else {
        Condition::holds(ACCEPTED, reason::LISTENERS_NOT_VALID, not_valid, generation)
    };
    let message = "the data plane has the configuration";
    let programmed = Condition::holds(PROGRAMMED, reason::PROGRAMMED, message, generation);
    vec![accepted, programmed]
}

fn refused(problem: &Problem, generation: Option<i64>) -> Vec<Condition> {
    vec![
        Condition::fails(ACCEPTED, problem, generation),
        Condition::fails(PROGRAMMED, problem, generation),
    ]
}

/// How many listeners are served, and the names of the others.
fn served<'a>(listeners: &[&'a ListenerDraft]) -> (usize, Vec<&'a str>) {
    let refused: Vec<&str> = listeners
        .iter()
        .filter(|listener| !listener.is_served())
        .map(|listener| listener.section.as_str())
        .collect();
    (listeners.len() - refused.len(), refused)
}

// === impl GatewayDraft ===

impl GatewayDraft {
    /// Places of the listeners of one of its sets, or of its own.
    pub(crate) fn range_of(&self, set: Option<usize>) -> Range<usize> {
        match set {
            Some(set) => {
                let set = self.listener_sets.get(set);
                set.map_or(0..0, |set| set.listeners.clone())
            }
            None => {
                let first = self.listener_sets.first();
                0..first.map_or(self.listeners.len(), |set| set.listeners.start)
            }
        }
    }

    /// Listeners of one of its sets, or its own.
    pub(crate) fn listeners_of(&self, set: Option<usize>) -> impl Iterator<Item = &ListenerDraft> {
        let listeners = self.listeners.get(self.range_of(set));
        listeners.unwrap_or_default().iter()
    }

    /// How many of its sets it serves listeners of.
    pub(crate) fn attached_listener_sets(&self) -> usize {
        let sets = self.listener_sets.iter().enumerate();
        sets.filter(|(index, set)| {
            set.refusal.is_none()
                && self
                    .listeners_of(Some(*index))
                    .any(ListenerDraft::is_served)
        })
        .count()
    }
}
