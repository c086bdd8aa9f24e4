//! From budgets to ledger values: what a request may cost, and what an answer did cost.

use std::sync::Arc;

use tollgate_budget::{Account, Charge, HoldReceipt, Settlement};
use tollgate_bundle::{Budget, Limit, Meter, Mode, OnStoreFailure, Subject};
use tollgate_llm::Usage;

use crate::caller::{self, Identity};

/// A budget with its names shared, so that a request copies none of them.
#[derive(Debug)]
pub(crate) struct CompiledBudget {
    pub(crate) on_store_failure: OnStoreFailure,
    id: Arc<str>,
    subject: Subject,
    meter: Arc<Meter>,
    mode: Mode,
    limits: Vec<(Limit, Arc<str>)>,
}

/// A budget asks for a subject that the caller does not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSubject {
    /// Budget id.
    pub(crate) budget: String,
    /// `team` or `org`.
    pub(crate) lacks: &'static str,
}

/// An account that a request is held against, and how its tokens count there.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    account: Account,
    meter: Arc<Meter>,
    mode: Mode,
    on_failure: OnStoreFailure,
}

// === impl CompiledBudget ===

impl CompiledBudget {
    /// Limits of one window and zone share an account in the ledger: the smallest is kept, or a
    /// call would be charged there twice.
    pub(crate) fn compile(budget: &Budget) -> Self {
        let is_smallest = |index: usize, limit: &Limit| {
            budget
                .limits
                .iter()
                .enumerate()
                .all(|(other_index, other)| {
                    let same = other.window == limit.window && other.time_zone == limit.time_zone;
                    !same || (limit.amount, index) <= (other.amount, other_index)
                })
        };
        let limits = budget
            .limits
            .iter()
            .enumerate()
            .filter(|(index, limit)| is_smallest(*index, limit))
            .map(|(_, limit)| (limit.clone(), Arc::from(limit.time_zone.as_str())))
            .collect();
        Self {
            on_store_failure: budget.on_store_failure,
            id: Arc::from(budget.id.as_str()),
            subject: budget.subject.clone(),
            meter: Arc::new(budget.meter.clone()),
            mode: budget.mode,
            limits,
        }
    }
}

/// The accounts of all budgets of a rule for one caller, in the order of the budgets.
pub(crate) fn dues(
    budgets: &[Arc<CompiledBudget>],
    identity: Option<&Identity>,
    namespace: &str,
) -> Result<Vec<Due>, NoSubject> {
    let mut dues = Vec::new();
    for budget in budgets {
        let subject: Arc<str> = caller::subject(identity, &budget.subject, namespace)
            .map_err(|lacks| NoSubject {
                budget: budget.id.to_string(),
                lacks,
            })?
            .into();
        for (limit, time_zone) in &budget.limits {
            dues.push(Due {
                account: Account {
                    budget: Arc::clone(&budget.id),
                    subject: Arc::clone(&subject),
                    window: limit.window,
                    time_zone: Arc::clone(time_zone),
                    limit: limit.amount,
                },
                meter: Arc::clone(&budget.meter),
                mode: budget.mode,
                on_failure: budget.on_store_failure,
            });
        }
    }
    Ok(dues)
}

/// What a request may cost on each account, given a bound on its input.
pub(crate) fn charges(dues: &[Due], input_bound: u64) -> Vec<Charge> {
    dues.iter()
        .map(|due| {
            let (fixed, per_output) = match &*due.meter {
                Meter::Input | Meter::CachedInput | Meter::CacheWrite => (input_bound, 0),
                Meter::Output | Meter::Reasoning => (0, 1),
                Meter::Total | Meter::Expression(_) | Meter::Money(_) => (input_bound, 1),
                Meter::Requests => (1, 0),
            };
            Charge {
                account: due.account.clone(),
                fixed,
                per_output,
                enforce: due.mode != Mode::Shadow,
                on_failure: due.on_failure,
            }
        })
        .collect()
}

/// Ends a hold with what was used; no usage releases it.
pub(crate) fn settlement(dues: &[Due], receipt: HoldReceipt, usage: Option<Usage>) -> Settlement {
    let charges = dues
        .iter()
        .map(|due| match (usage, &*due.meter) {
            (None, _) => 0,
            (Some(usage), Meter::Input) => usage.input,
            (Some(usage), Meter::Output) => usage.output,
            (Some(usage), Meter::CachedInput) => usage.cached_input,
            (Some(usage), Meter::CacheWrite) => usage.cache_write,
            (Some(usage), Meter::Reasoning) => usage.reasoning,
            (Some(_), Meter::Requests) => 1,
            (Some(usage), Meter::Total | Meter::Expression(_) | Meter::Money(_)) => usage.total(),
        })
        .collect();
    Settlement { receipt, charges }
}
