//! A cluster whose proxies have no store in common. Each counting by itself would allow a budget
//! once for every proxy, so none counts, and every budget is told.

use tollgate_crds::tollgate::OnStoreFailure;

use crate::status::{Condition, ENFORCED, ObjectRef, Problem, Statuses, reason};
use crate::{World, groups, world};

/// Takes back what was said of being enforced.
pub(crate) fn tell(world: &World, statuses: &mut Statuses) {
    for object in world.token_budgets.values() {
        let name = world::key(&object.metadata);
        let consequence = match object.spec.on_store_failure {
            OnStoreFailure::Closed => "every request is refused (503)",
            OnStoreFailure::Open => "every request is served, and nothing is counted",
            OnStoreFailure::Leased => "each proxy serves what it may lease, and no more",
        };
        let object = ObjectRef::namespaced(groups::TOLLGATE, "TokenBudget", &name);
        let conditions = statuses.get_mut(&object).map(|it| &mut it.conditions);
        for condition in conditions.into_iter().flatten() {
            if condition.kind == ENFORCED {
                let problem = problem(&format!("spec.onStoreFailure: {consequence}"));
                *condition = Condition::fails(ENFORCED, &problem, condition.observed_generation);
            }
        }
    }
    for route in world.compact_ai_gateway_routes.values() {
        let limit = route.spec.rate_limit.as_ref();
        if limit.is_none_or(|limit| limit.token_budget.is_none()) {
            continue;
        }
        let name = world::key(&route.metadata);
        let object = ObjectRef::namespaced(groups::ENVOY_GATEWAY, "AIGatewayRoute", &name);
        let Some(status) = statuses.get_mut(&object) else {
            continue;
        };
        let problem = problem("every request is refused (503)");
        for parent in &mut status.parents {
            let generation = route.metadata.generation;
            let condition = Condition::fails(ENFORCED, &problem, generation);
            parent.conditions.push(condition);
        }
    }
}

fn problem(consequence: &str) -> Problem {
    Problem::new(
        reason::STORE_MISSING,
        format!(
            "the controller was told of no Redis, so proxies have no store in common; {consequence}"
        ),
    )
}
