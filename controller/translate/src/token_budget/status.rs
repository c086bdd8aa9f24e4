//! What a TokenBudget is told.

use tollgate_bundle::{Budget, Subject};
use tollgate_crds::tollgate::ConsumerSpec;

use super::TokenBudget;
use super::apply::Reach;
use crate::status::{
    ACCEPTED, Condition, ENFORCED, ObjectRef, Problem, RESOLVED_REFS, Statuses, reason,
};
use crate::{NamespacedName, World, groups};

/// Consumers named in one message; the rest is counted.
const NAMES_MAX: usize = 8;

pub(super) fn report(
    world: &World,
    (name, object): (&NamespacedName, &TokenBudget),
    (built, reach): (&Result<Budget, Problem>, &Reach),
    statuses: &mut Statuses,
) {
    let generation = object.metadata.generation;
    let accepted = match built {
        Ok(_) => Condition::holds(
            ACCEPTED,
            reason::ACCEPTED,
            "the budget is valid",
            generation,
        ),
        Err(problem) => {
            let message = format!(
                "{}; rules that the budget applies to refuse requests: {}",
                problem.message,
                reach.rules.len()
            );
            Condition::fails(ACCEPTED, &Problem::new(problem.reason, message), generation)
        }
    };
    let resolved = if reach.missing.is_empty() {
        Condition::resolved_refs(&[], generation)
    } else {
        Condition::fails(RESOLVED_REFS, &missing(reach), generation)
    };
    let mut conditions = vec![accepted, resolved, enforced(built, reach, generation)];
    if let Ok(budget) = built {
        let warnings = subject_warnings(world, &budget.subject, reach);
        conditions.extend(Condition::warning(&warnings, generation));
    }
    let object = ObjectRef::namespaced(groups::TOLLGATE, "TokenBudget", name);
    statuses.entry(object).conditions = conditions;
}

fn missing(reach: &Reach) -> Problem {
    Problem::new(
        reason::TARGET_NOT_FOUND,
        format!(
            "spec.targetRefs: not found in this namespace: {}",
            reach.missing.join(", ")
        ),
    )
}

fn enforced(built: &Result<Budget, Problem>, reach: &Reach, generation: Option<i64>) -> Condition {
    match built {
        Err(problem) => {
            let message = "a budget that is not valid cannot be enforced";
            Condition::fails(ENFORCED, &Problem::new(problem.reason, message), generation)
        }
        Ok(_) if !reach.rules.is_empty() => {
            let rules: Vec<&str> = reach.rules.iter().map(String::as_str).collect();
            let message = format!("rules held against the budget: {}", rules.join(", "));
            Condition::holds(ENFORCED, ENFORCED, message, generation)
        }
        Ok(_) if !reach.missing.is_empty() => {
            Condition::fails(ENFORCED, &missing(reach), generation)
        }
        Ok(_) => {
            let message = "no AI rule that a listener serves is among the targets";
            let problem = Problem::new(reason::NO_MATCHING_ROUTE, message);
            Condition::fails(ENFORCED, &problem, generation)
        }
    }
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
        let consumers: Vec<_> = world
            .consumers
            .iter()
            .filter(|(name, _)| name.namespace == *namespace)
            .collect();
        if consumers.is_empty() {
            warnings.push(Problem::new(
                reason::SUBJECT_MISSING,
                format!("spec.subject: {subject:?} needs a key, and namespace {namespace} has no Consumer: its anonymous callers are refused"),
            ));
            continue;
        }
        let lacking: Vec<&str> = consumers
            .iter()
            .filter(|(_, consumer)| lacks(&consumer.spec))
            .map(|(name, _)| name.name.as_str())
            .collect();
        if !lacking.is_empty() {
            warnings.push(Problem::new(
                reason::SUBJECT_MISSING,
                format!(
                    "spec.subject: {subject:?} is not set on consumers of namespace {namespace}, who are refused: {}",
                    listed(&lacking)
                ),
            ));
        }
    }
    warnings
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).copied().collect();
    let rest = names.len() - shown.len();
    let shown = shown.join(", ");
    if rest == 0 {
        shown
    } else {
        format!("{shown} and {rest} more")
    }
}
