//! TokenBudget: which rules and backends are held against which budgets.
//!
//! Never unenforced in silence: a budget that applies to nothing says so, one whose subject nobody
//! can verify refuses, and so does what a budget that is not valid applies to. Only a Shadow,
//! which never refuses anything, counts nothing then.

mod apply;
mod binding;
mod broken;
mod build;
mod conflicts;
mod limits;
mod prices;
mod status;
mod store_missing;
mod subject;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_bundle::Budget;
use tollgate_crds::tollgate::TokenBudget;

pub use broken::BrokenBudget;
pub(crate) use build::compact as build_compact;
pub(crate) use store_missing::tell as tell_that_the_store_is_missing;

use crate::ai_routes::AttachedAiRoute;
use crate::gateway::GatewayDraft;
use crate::sort::by_age;
use crate::status::Statuses;
use crate::{NamespacedName, World, world};
use binding::{Binding, Reach};
use build::Built;

/// All budgets, and what each applies to.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    /// By id.
    pub(crate) defined: BTreeMap<String, Budget>,
    bindings: Vec<Binding>,
}

/// A TokenBudget while it is looked at.
struct Draft<'a> {
    name: NamespacedName,
    object: &'a TokenBudget,
    built: Built,
    reach: Reach,
}

/// What is there to be held against a budget.
#[derive(Clone, Copy)]
struct Served<'a> {
    world: &'a World,
    gateways: &'a [GatewayDraft],
    routes: &'a [Arc<AttachedAiRoute>],
}

/// Reads all TokenBudgets and tells each what it applies to; adds those written in routes.
pub(crate) fn translate(
    world: &World,
    gateways: &[GatewayDraft],
    routes: &[Arc<AttachedAiRoute>],
    statuses: &mut Statuses,
) -> Budgets {
    let served = Served {
        world,
        gateways,
        routes,
    };
    let mut budgets = Budgets::default();
    for route in routes {
        let own = route.draft.budget.iter();
        budgets
            .defined
            .extend(own.map(|budget| (budget.id.clone(), budget.clone())));
    }
    let mut drafts = Vec::new();
    for object in by_age(world.token_budgets.values(), |it| &it.metadata) {
        let name = world::key(&object.metadata);
        let built = build::object(world, &name, object);
        let effect = built.effect(&name);
        let binding = Binding::new(&name.namespace, &object.spec.target_refs, effect);
        drafts.push(Draft {
            reach: binding.reach(served),
            name,
            object,
            built,
        });
        budgets.bindings.push(binding);
    }
    let conflicts = conflicts::find(&drafts, routes);
    for draft in drafts {
        let rivals = conflicts.get(&draft.name.to_string());
        status::report(world, &draft, rivals.map_or(&[], Vec::as_slice), statuses);
        if let Ok(budget) = draft.built.budget {
            budgets.defined.insert(budget.id.clone(), budget);
        }
    }
    for broken in &world.broken_budgets {
        let binding = broken.binding(world);
        broken.report(&binding.reach(served), statuses);
        budgets.bindings.push(binding);
    }
    budgets
}

#[cfg(test)]
mod tests;
