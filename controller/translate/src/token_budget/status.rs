//! What a TokenBudget is told.

use std::collections::BTreeSet;

use tollgate_bundle::{Budget, Meter, Subject};
use tollgate_crds::tollgate::ConsumerSpec;

use super::Draft;
use super::binding::Reach;
use crate::status::{
    ACCEPTED, CONFLICTED, Condition, ENFORCED, ObjectRef, Problem, Statuses, reason,
};
use crate::{World, groups};

/// Consumers, models and routes named in one message; the rest is counted.
const NAMES_MAX: usize = 8;
/// Rules named in one message; the rest is counted.
const RULES_MAX: usize = 32;

pub(super) fn report(world: &World, draft: &Draft<'_>, rivals: &[String], statuses: &mut Statuses) {
    let generation = draft.object.metadata.generation;
    let (built, reach) = (&draft.built, &draft.reach);
    let mut ref_problems = built.ref_problems.clone();
    ref_problems.extend(missing(reach));
    let mut conditions = vec![
        accepted(draft),
        Condition::resolved_refs(&ref_problems, generation),
        enforced(draft),
    ];
    if !rivals.is_empty() {
        let message = rivals.join("; ");
        conditions.push(Condition::holds(
            CONFLICTED,
            reason::CONFLICTED,
            message,
            generation,
        ));
    }
    let mut warnings = built.warnings.clone();
    if let Ok(budget) = &built.budget {
        warnings.extend(subject_warnings(world, &budget.subject, reach));
        warnings.extend(verification_warning(budget, reach));
        warnings.extend(price_warning(budget, reach));
    }
    if reach.is_served() {
        warnings.extend(unmetered(reach));
    }
    conditions.extend(Condition::warning(&warnings, generation));
    let object = ObjectRef::namespaced(groups::TOLLGATE, "TokenBudget", &draft.name);
    statuses.entry(object).conditions = conditions;
}

fn accepted(draft: &Draft<'_>) -> Condition {
    let generation = draft.object.metadata.generation;
    let problem = match (&draft.built.budget, &draft.built.doubt) {
        (Err(problem), _) => problem,
        (Ok(_), Some(doubt)) if doubt.is_mistake => &doubt.problem,
        (Ok(_), _) => {
            let message = "the budget is valid";
            return Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation);
        }
    };
    let consequence = draft.reach.of_refusal(draft.built.is_shadow);
    let message = format!("{}; {consequence}", problem.message);
    Condition::fails(ACCEPTED, &Problem::new(problem.reason, message), generation)
}

fn enforced(draft: &Draft<'_>) -> Condition {
    let generation = draft.object.metadata.generation;
    let reach = &draft.reach;
    let problem = match (&draft.built.budget, &draft.built.doubt) {
        (Err(problem), _) => {
            let message = "a budget that is not valid cannot be enforced";
            Problem::new(problem.reason, message)
        }
        (Ok(_), Some(doubt)) => {
            let consequence = if draft.built.is_shadow {
                "nothing is counted"
            } else {
                "every request is refused"
            };
            let message = format!("{}; without a subject {consequence}", doubt.problem.message);
            Problem::new(doubt.problem.reason, message)
        }
        (Ok(budget), None) if nobody_verifies(budget, reach) => Problem::new(
            reason::SUBJECT_NOT_VERIFIED,
            format!(
                "spec.subject: ClientCertificate: no listener verifies certificates (Gateway spec.tls.frontend), so every request is refused: {}",
                listed(&reach.unverifying, NAMES_MAX)
            ),
        ),
        (Ok(_), None) if reach.is_served() => {
            return Condition::holds(ENFORCED, ENFORCED, held(reach), generation);
        }
        (Ok(_), None) => missing(reach)
            .or_else(|| unmetered(reach))
            .unwrap_or_else(|| {
                let message = "no AI rule that a listener serves is among the targets";
                Problem::new(reason::NO_MATCHING_ROUTE, message)
            }),
    };
    Condition::fails(ENFORCED, &problem, generation)
}

/// Whether payers are named by certificates that nobody looks at.
fn nobody_verifies(budget: &Budget, reach: &Reach) -> bool {
    budget.subject == Subject::ClientCertificate && reach.is_served() && reach.verifying.is_empty()
}

/// What is held, and what stands beside it and is not.
fn held(reach: &Reach) -> String {
    let mut parts = Vec::new();
    for (what, names) in [("rules", &reach.rules), ("backends", &reach.backends)] {
        if !names.is_empty() {
            let names = listed(names, RULES_MAX);
            parts.push(format!("{what} held against the budget: {names}"));
        }
    }
    if !reach.unmetered_beside.is_empty() {
        let names = listed(&reach.unmetered_beside, NAMES_MAX);
        parts.push(format!("not metered, as no HTTPRoute is: {names}"));
    }
    parts.join("; ")
}

fn missing(reach: &Reach) -> Option<Problem> {
    if reach.missing.is_empty() {
        return None;
    }
    let message = format!(
        "spec.targetRefs: not found in this namespace: {}",
        reach.missing.join(", ")
    );
    Some(Problem::new(reason::TARGET_NOT_FOUND, message))
}

fn unmetered(reach: &Reach) -> Option<Problem> {
    if reach.unmetered.is_empty() {
        return None;
    }
    let names = listed(&reach.unmetered, NAMES_MAX);
    let message = format!(
        "spec.targetRefs: an HTTPRoute has no meter, and is served without this budget: {names}; a BackendTrafficPolicy limits its requests"
    );
    Some(Problem::new(reason::UNMETERED_ENDPOINT, message))
}

/// Where some listeners verify certificates and others do not, the others serve nobody.
fn verification_warning(budget: &Budget, reach: &Reach) -> Option<Problem> {
    let by_certificate = budget.subject == Subject::ClientCertificate;
    if !by_certificate || reach.verifying.is_empty() || reach.unverifying.is_empty() {
        return None;
    }
    let message = format!(
        "spec.subject: ClientCertificate: listeners that verify no certificates refuse every request: {}",
        listed(&reach.unverifying, NAMES_MAX)
    );
    Some(Problem::new(reason::SUBJECT_MISSING, message))
}

/// Callers who have no such subject are refused; the operator should know before they do.
fn subject_warnings(world: &World, subject: &Subject, reach: &Reach) -> Vec<Problem> {
    let lacks: fn(&ConsumerSpec) -> bool = match subject {
        Subject::Key => |_| false,
        Subject::Team => |consumer| consumer.team.is_none(),
        Subject::Org => |consumer| consumer.org.is_none(),
        _ => return Vec::new(),
    };
    let mut warnings = Vec::new();
    for namespace in &reach.namespaces {
        let mut consumers = world
            .consumers
            .iter()
            .filter(|(name, _)| name.namespace == *namespace)
            .peekable();
        if consumers.peek().is_none() {
            let callers = match subject {
                Subject::Key => "share one subject",
                _ => "are refused",
            };
            warnings.push(Problem::new(
                reason::SUBJECT_MISSING,
                format!("spec.subject: {subject:?} needs a key, and namespace {namespace} has no Consumer: its anonymous callers {callers}"),
            ));
            continue;
        }
        let lacking: BTreeSet<String> = consumers
            .filter(|(_, consumer)| lacks(&consumer.spec))
            .map(|(name, _)| name.name.clone())
            .collect();
        if !lacking.is_empty() {
            warnings.push(Problem::new(
                reason::SUBJECT_MISSING,
                format!(
                    "spec.subject: {subject:?} is not set on consumers of namespace {namespace}, who are refused: {}",
                    listed(&lacking, NAMES_MAX)
                ),
            ));
        }
    }
    warnings
}

/// A model without a price is refused.
fn price_warning(budget: &Budget, reach: &Reach) -> Option<Problem> {
    let Meter::Money(table) = &budget.meter else {
        return None;
    };
    if table.models.contains_key("*") {
        return None;
    }
    let lacking: BTreeSet<String> = reach
        .models
        .iter()
        .filter(|model| !table.models.contains_key(*model))
        .cloned()
        .collect();
    if lacking.is_empty() {
        return None;
    }
    let names = listed(&lacking, NAMES_MAX);
    let message = format!("spec.prices: models without a price are refused: {names}");
    Some(Problem::new(reason::PRICE_MISSING, message))
}

fn listed(names: &BTreeSet<String>, max: usize) -> String {
    let shown: Vec<&str> = names.iter().take(max).map(String::as_str).collect();
    let rest = names.len() - shown.len();
    let shown = shown.join(", ");
    if rest == 0 {
        shown
    } else {
        format!("{shown} and {rest} more")
    }
}
