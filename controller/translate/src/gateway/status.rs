//! What a Gateway and its listeners are told.

use super::{GatewayDraft, ListenerDraft, Refusal};
use crate::Options;
use crate::status::{
    ACCEPTED, CONFLICTED, Condition, ListenerStatus, PROGRAMMED, Problem, RESOLVED_REFS, Statuses,
    WARNING, reason,
};

/// Writes the statuses of all Gateways, once every route is placed.
pub(crate) fn report(drafts: &[GatewayDraft], options: &Options, statuses: &mut Statuses) {
    for draft in drafts {
        let Some(object) = draft.object.clone() else {
            continue;
        };
        let status = statuses.entry(object);
        status.conditions = gateway_conditions(draft, options);
        status.listeners = draft
            .listeners
            .iter()
            .map(|listener| listener_status(listener, draft.generation))
            .collect();
    }
}

fn gateway_conditions(draft: &GatewayDraft, options: &Options) -> Vec<Condition> {
    let generation = draft.generation;
    let refused: Vec<&str> = draft
        .listeners
        .iter()
        .filter(|listener| listener.refusal.is_some())
        .map(|listener| listener.name.as_str())
        .collect();
    let not_valid = format!("listeners without effect: {}", refused.join(", "));
    let serves = refused.len() < draft.listeners.len();
    let accepted = if refused.is_empty() {
        let message = "every listener is served";
        Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
    } else if serves {
        Condition::holds(ACCEPTED, reason::LISTENERS_NOT_VALID, not_valid, generation)
    } else {
        let problem = Problem::new(reason::LISTENERS_NOT_VALID, not_valid);
        Condition::fails(ACCEPTED, &problem, generation)
    };
    let mut conditions = vec![accepted];
    // In a cluster the infrastructure says when there are proxies and addresses.
    if options.standalone().is_some() {
        conditions.push(if serves {
            let message = "the data plane has the configuration";
            Condition::holds(PROGRAMMED, reason::PROGRAMMED, message, generation)
        } else {
            let problem = Problem::new(reason::INVALID, "no listener is served");
            Condition::fails(PROGRAMMED, &problem, generation)
        });
    }
    if !draft.ignored.is_empty() {
        let message = format!(
            "without effect in this release: {}",
            draft.ignored.join(", ")
        );
        conditions.push(Condition::holds(
            WARNING,
            reason::UNSUPPORTED_VALUE,
            message,
            generation,
        ));
    }
    conditions
}

fn listener_status(listener: &ListenerDraft, generation: Option<i64>) -> ListenerStatus {
    let mut conditions = match &listener.refusal {
        None => vec![
            Condition::holds(
                ACCEPTED,
                reason::ACCEPTED,
                "the listener is valid",
                generation,
            ),
            Condition::holds(
                PROGRAMMED,
                reason::PROGRAMMED,
                "the data plane has the configuration",
                generation,
            ),
        ],
        Some(refusal) => vec![
            Condition::fails(ACCEPTED, refusal.problem(), generation),
            Condition::fails(
                PROGRAMMED,
                &Problem::new(reason::INVALID, refusal.problem().message.clone()),
                generation,
            ),
        ],
    };
    conditions.push(match &listener.refusal {
        Some(Refusal::Conflict(problem)) => Condition::holds(
            CONFLICTED,
            problem.reason,
            problem.message.clone(),
            generation,
        ),
        Some(Refusal::Invalid(_)) | None => Condition::fails(
            CONFLICTED,
            &Problem::new(reason::NO_CONFLICTS, "no other listener is in the way"),
            generation,
        ),
    });
    conditions.push(if listener.invalid_kinds.is_empty() {
        Condition::resolved_refs(&[], generation)
    } else {
        let problem = Problem::new(
            reason::INVALID_ROUTE_KINDS,
            format!(
                "listener {}: allowedRoutes.kinds has kinds that it cannot serve: {}",
                listener.name,
                listener.invalid_kinds.join(", ")
            ),
        );
        Condition::fails(RESOLVED_REFS, &problem, generation)
    });
    ListenerStatus {
        name: listener.name.clone(),
        supported_kinds: listener.supported_kinds.clone(),
        attached_routes: listener.attached.len(),
        conditions,
    }
}
