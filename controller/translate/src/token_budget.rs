//! TokenBudget: which rules are held against which budgets.
//!
//! Never unenforced in silence: a budget that applies to nothing says so, and one that cannot be
//! enforced makes the rules it applies to refuse.

mod apply;
mod build;
mod status;

use std::collections::BTreeMap;

use tollgate_bundle::Budget;
use tollgate_crds::tollgate::TokenBudget;

pub(crate) use apply::Binding;
pub(crate) use build::compact as build_compact;

use crate::ai_routes::AttachedAiRoute;
use crate::gateway::GatewayDraft;
use crate::sort::by_age;
use crate::status::{Problem, Statuses};
use crate::{World, world};

/// All budgets, and what each applies to.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    /// By id.
    pub(crate) defined: BTreeMap<String, Budget>,
    bindings: Vec<Binding>,
}

/// Reads all TokenBudgets and tells each what it applies to; adds those written in routes.
pub(crate) fn translate(
    world: &World,
    gateways: &[GatewayDraft],
    routes: &[AttachedAiRoute],
    statuses: &mut Statuses,
) -> Budgets {
    let mut budgets = Budgets::default();
    for route in routes {
        let own = route.draft.budget.iter();
        budgets
            .defined
            .extend(own.map(|budget| (budget.id.clone(), budget.clone())));
    }
    for object in by_age(world.token_budgets.values(), |it| &it.metadata) {
        let name = world::key(&object.metadata);
        let built = build::object(&name, object);
        let binding = Binding::new(&name, object, built.as_ref().map_err(Problem::clone));
        let reach = binding.reach(gateways, routes);
        status::report(world, (&name, object), (&built, &reach), statuses);
        if let Ok(budget) = built {
            budgets.defined.insert(budget.id.clone(), budget);
        }
        budgets.bindings.push(binding);
    }
    budgets
}
