//! What a Gateway and its listeners are told.

use super::{GatewayDraft, ListenerDraft, Refusal};
use crate::status::{
    ACCEPTED, CONFLICTED, Condition, INSECURE_FRONTEND, ListenerStatus, OVERLAPPING_TLS,
    PROGRAMMED, Problem, Statuses, WARNING, reason,
};
use crate::{Options, listener_set};

/// Writes the statuses of all Gateways and of their ListenerSets, once every route is placed.
pub(crate) fn report(drafts: &[GatewayDraft], options: &Options, statuses: &mut Statuses) {
    for draft in drafts {
        let Some(object) = draft.object.clone() else {
            continue;
        };
        let status = statuses.entry(object);
        status.conditions = gateway_conditions(draft, options);
        status.listeners = draft
            .listeners_of(None)
            .map(|listener| listener_status(listener, draft.generation))
            .collect();
        status.attached_listener_sets = draft
            .takes_listener_sets
            .then(|| draft.attached_listener_sets());
        listener_set::report(draft, statuses);
    }
}

fn gateway_conditions(draft: &GatewayDraft, options: &Options) -> Vec<Condition> {
    let generation = draft.generation;
    let mut conditions = vec![accepted(draft)];
    // In a cluster the infrastructure says when there are proxies and addresses.
    if options.standalone().is_some() {
        conditions.push(programmed(draft));
    }
    conditions.push(resolved_refs(draft));
    if !draft.insecure.is_empty() {
        let message = format!(
            "clients without a valid certificate are served: {}",
            draft.insecure.join(", ")
        );
        conditions.push(Condition::holds(
            INSECURE_FRONTEND,
            reason::CONFIGURATION_CHANGED,
            message,
            generation,
        ));
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

fn accepted(draft: &GatewayDraft) -> Condition {
    let generation = draft.generation;
    if let Some(problem) = &draft.refusal {
        return Condition::fails(ACCEPTED, problem, generation);
    }
    let refused: Vec<&str> = draft
        .listeners_of(None)
        .filter(|listener| !listener.is_served())
        .map(|listener| listener.name.as_str())
        .collect();
    let not_valid = format!("listeners without effect: {}", refused.join(", "));
    if refused.is_empty() {
        let message = "every listener is served";
        Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
    } else if draft.is_accepted() {
        Condition::holds(ACCEPTED, reason::LISTENERS_NOT_VALID, not_valid, generation)
    } else {
        let problem = Problem::new(reason::LISTENERS_NOT_VALID, not_valid);
        Condition::fails(ACCEPTED, &problem, generation)
    }
}

/// `Programmed` where the configuration is all there is to it.
fn programmed(draft: &GatewayDraft) -> Condition {
    let generation = draft.generation;
    if draft.listeners.iter().any(ListenerDraft::is_served) {
        let message = "the data plane has the configuration";
        Condition::holds(PROGRAMMED, reason::PROGRAMMED, message, generation)
    } else {
        let problem = Problem::new(reason::INVALID, "no listener is served");
        Condition::fails(PROGRAMMED, &problem, generation)
    }
}

/// References of the Gateway itself; those of its listeners in one word.
fn resolved_refs(draft: &GatewayDraft) -> Condition {
    let mut problems = draft.ref_problems.clone();
    let unresolved: Vec<&str> = draft
        .listeners_of(None)
        .filter(|listener| !listener.ref_problems.is_empty() || !listener.invalid_kinds.is_empty())
        .map(|listener| listener.name.as_str())
        .collect();
    if !unresolved.is_empty() {
        let message = format!("references of listeners: {}", unresolved.join(", "));
        problems.push(Problem::new(reason::LISTENERS_NOT_RESOLVED, message));
    }
    Condition::resolved_refs(&problems, draft.generation)
}

/// What a listener of a Gateway or a ListenerSet is told.
pub(crate) fn listener_status(listener: &ListenerDraft, generation: Option<i64>) -> ListenerStatus {
    let (accepted, programmed) = accepted_and_programmed(listener, generation);
    let mut conditions = vec![accepted, programmed];
    conditions.push(match &listener.refusal {
        Some(Refusal::Conflict(problem)) => Condition::holds(
            CONFLICTED,
            problem.reason,
            problem.message.clone(),
            generation,
        ),
        Some(_) | None => Condition::fails(
            CONFLICTED,
            &Problem::new(reason::NO_CONFLICTS, "no other listener is in the way"),
            generation,
        ),
    });
    let mut problems = listener.ref_problems.clone();
    if !listener.invalid_kinds.is_empty() {
        let message = format!(
            "listener {}: allowedRoutes.kinds has kinds that it cannot serve: {}",
            listener.name,
            listener.invalid_kinds.join(", ")
        );
        problems.push(Problem::new(reason::INVALID_ROUTE_KINDS, message));
    }
    conditions.push(Condition::resolved_refs(&problems, generation));
    conditions.extend(listener.overlap.as_ref().map(|problem| {
        let message = problem.message.clone();
        Condition::holds(OVERLAPPING_TLS, problem.reason, message, generation)
    }));
    ListenerStatus {
        name: listener.section.clone(),
        supported_kinds: listener.supported_kinds.clone(),
        attached_routes: listener.attached.len(),
        conditions,
    }
}

fn accepted_and_programmed(
    listener: &ListenerDraft,
    generation: Option<i64>,
) -> (Condition, Condition) {
    let valid = || {
        let message = "the listener is valid";
        Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
    };
    let Some(refusal) = &listener.refusal else {
        let message = "the data plane has the configuration";
        let programmed = Condition::holds(PROGRAMMED, reason::PROGRAMMED, message, generation);
        return (valid(), programmed);
    };
    let problem = refusal.problem();
    let programmed = match refusal {
        Refusal::Conflict(_) => problem.clone(),
        Refusal::Invalid(_) | Refusal::NoCertificate(_) | Refusal::NoAuthority(_) => {
            Problem::new(reason::INVALID, problem.message.clone())
        }
    };
    let accepted = if refusal.is_accepted() {
        valid()
    } else {
        Condition::fails(ACCEPTED, problem, generation)
    };
    (
        accepted,
        Condition::fails(PROGRAMMED, &programmed, generation),
    )
}

// === impl GatewayDraft ===

impl GatewayDraft {
    /// Whether it is accepted. A listener whose certificate is still to come counts: the Gateway
    /// has its address, by which the certificate may be asked for (ACME).
    pub(crate) fn is_accepted(&self) -> bool {
        let mut own = self.listeners_of(None).peekable();
        let accepted =
            |listener: &ListenerDraft| listener.refusal.as_ref().is_none_or(Refusal::is_accepted);
        self.refusal.is_none() && (own.peek().is_none() || own.any(accepted))
    }
}
