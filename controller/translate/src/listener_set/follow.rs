//! ListenerSets have the proxies of their Gateway: none is programmed before it.

use super::{KIND, parent};
use crate::status::{Condition, ConditionStatus, ObjectRef, PROGRAMMED, Problem, Statuses, reason};
use crate::{World, groups, world};

/// Takes `Programmed` from the sets of Gateways that are not programmed, once the infrastructure
/// has said so.
pub(crate) fn follow(world: &World, statuses: &mut Statuses) {
    for set in world.listener_sets.values() {
        let Some(gateway) = parent(set) else { continue };
        let gateway_object = ObjectRef::namespaced(groups::GATEWAY_API, "Gateway", &gateway);
        let Some(cause) = missing(statuses, &gateway_object) else {
            continue;
        };
        let object = ObjectRef::namespaced(KIND.0, KIND.1, &world::key(&set.metadata));
        if statuses.of(&object).is_none() {
            continue;
        }
        let generation = set.metadata.generation;
        let message = format!("Gateway {gateway} is not programmed: {}", cause.message);
        let waits = matches!(cause.reason, reason::PENDING | reason::NO_RESOURCES);
        let status = statuses.entry(object);
        let problem = Problem::new(reason::PARENT_NOT_PROGRAMMED, message.clone());
        withdraw(&mut status.conditions, &problem, generation);
        // Where the proxies have the configuration, and only the address is missing, the
        // listeners keep theirs, as those of the Gateway do.
        let problem = Problem::new(reason::PENDING, message);
        for listener in status.listeners.iter_mut().filter(|_| waits) {
            withdraw(&mut listener.conditions, &problem, generation);
        }
    }
}

/// Why a Gateway is not programmed; `None` where it is, or nobody has said.
fn missing(statuses: &Statuses, gateway: &ObjectRef) -> Option<Problem> {
    let mut conditions = statuses.of(gateway)?.conditions.iter();
    let programmed = conditions.find(|condition| condition.kind == PROGRAMMED)?;
    (programmed.status == ConditionStatus::False)
        .then(|| Problem::new(programmed.reason, programmed.message.clone()))
}

/// Makes `Programmed` false where it is true.
fn withdraw(conditions: &mut [Condition], problem: &Problem, generation: Option<i64>) {
    let mut conditions = conditions.iter_mut();
    let programmed =
        conditions.find(|it| it.kind == PROGRAMMED && it.status == ConditionStatus::True);
    if let Some(condition) = programmed {
        *condition = Condition::fails(PROGRAMMED, problem, generation);
    }
}
