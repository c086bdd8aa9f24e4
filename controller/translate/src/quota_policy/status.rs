//! What a QuotaPolicy is told.

use super::{KIND, Policy};
use crate::World;
use crate::status::{
    ACCEPTED, Condition, ENFORCED, ObjectRef, Problem, RESOLVED_REFS, Statuses, reason,
};

/// Names in one message; the rest is counted.
const NAMES_MAX: usize = 8;

pub(super) fn report(world: &World, policy: &Policy<'_>, statuses: &mut Statuses) {
    let generation = policy.object.metadata.generation;
    let accepted = match &policy.buckets {
        Ok(_) => Condition::holds(
            ACCEPTED,
            reason::ACCEPTED,
            "the policy is valid",
            generation,
        ),
        Err(problem) => {
            let message = format!("{}; its backends refuse requests", problem.message);
            Condition::fails(ACCEPTED, &Problem::new(problem.reason, message), generation)
        }
    };
    let missing = missing(world, policy);
    let resolved = match &missing {
        None => Condition::resolved_refs(&[], generation),
        Some(problem) => Condition::fails(RESOLVED_REFS, problem, generation),
    };
    let warnings: Vec<Problem> = policy.warnings.iter().cloned().collect();
    let conditions = [accepted, resolved, enforced(policy, missing, generation)];
    let object = ObjectRef::namespaced(KIND.0, KIND.1, &policy.name);
    statuses.entry(object).conditions = conditions
        .into_iter()
        .chain(Condition::warning(&warnings, generation))
        .collect();
}

fn missing(world: &World, policy: &Policy<'_>) -> Option<Problem> {
    let targets = policy.targets.iter();
    let missing: Vec<&str> = targets
        .filter(|name| !world.ai_service_backends.contains_key(*name))
        .map(|name| name.name.as_str())
        .collect();
    let message = format!(
        "spec.targetRefs: not found in this namespace: {}",
        missing.join(", ")
    );
    (!missing.is_empty()).then(|| Problem::new(reason::TARGET_NOT_FOUND, message))
}

fn enforced(policy: &Policy<'_>, missing: Option<Problem>, generation: Option<i64>) -> Condition {
    let fails = |problem: &Problem| Condition::fails(ENFORCED, problem, generation);
    match &policy.buckets {
        Err(problem) => {
            let message = "a policy that is not valid cannot be enforced";
            fails(&Problem::new(problem.reason, message))
        }
        Ok(buckets) if buckets.is_empty() => {
            let message = "no quota of the policy can be enforced";
            fails(&Problem::new(reason::UNSUPPORTED_VALUE, message))
        }
        Ok(_) if policy.reached.is_empty() => match missing {
            Some(problem) => fails(&problem),
            None => {
                let message = "no AI rule that a listener serves asks its backends for its models";
                fails(&Problem::new(reason::NO_MATCHING_ROUTE, message))
            }
        },
        Ok(_) => {
            let shown: Vec<&str> = policy
                .reached
                .iter()
                .take(NAMES_MAX)
                .map(String::as_str)
                .collect();
            let rest = match policy.reached.len().saturating_sub(NAMES_MAX) {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            let message = format!("backends held by the policy: {}{rest}", shown.join(", "));
            Condition::holds(ENFORCED, ENFORCED, message, generation)
        }
    }
}
