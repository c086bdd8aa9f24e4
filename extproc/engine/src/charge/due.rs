//! Which accounts a call is held against: every limit of every budget, for whoever pays.

use std::sync::Arc;

use tollgate_budget::Account;

use super::{CompiledBudget, RuleBudgets};
use crate::subject::{Lacking, Payer};

/// An account that a request is held against, and the budget that it is one of.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) account: Account,
    pub(crate) budget: Arc<CompiledBudget>,
}

/// A budget asks for a subject that the caller does not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSubject {
    /// Budget id.
    pub(crate) budget: String,
    pub(crate) lacks: Lacking,
}

/// The accounts of a call through one backend, in the order of the budgets. A shadow budget whose
/// subject cannot be told is left out, and its id put into `unheld`.
pub(crate) fn dues(
    budgets: &RuleBudgets,
    backend: usize,
    payer: &Payer<'_>,
    unheld: &mut Vec<Arc<str>>,
) -> Result<Vec<Due>, NoSubject> {
    let mut dues = Vec::new();
    for budget in budgets.at(backend) {
        match payer.subject(&budget.subject) {
            Ok(subject) => dues.extend(accounts(budget, &subject)),
            Err(_) if budget.is_shadow() => unheld.push(Arc::clone(&budget.id)),
            Err(lacks) => {
                return Err(NoSubject {
                    budget: budget.id.to_string(),
                    lacks,
                });
            }
        }
    }
    Ok(dues)
}

/// One due for each limit of a budget.
pub(crate) fn accounts(budget: &Arc<CompiledBudget>, subject: &str) -> impl Iterator<Item = Due> {
    let subject: Arc<str> = Arc::from(subject);
    budget.limits.iter().map(move |(limit, time_zone)| Due {
        account: Account {
            budget: Arc::clone(&budget.id),
            subject: Arc::clone(&subject),
            window: limit.window,
            time_zone: Arc::clone(time_zone),
            limit: limit.amount,
        },
        budget: Arc::clone(budget),
    })
}
