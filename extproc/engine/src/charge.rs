//! From budgets to ledger values: what a request may cost, and what an answer did cost.

mod budget;
mod costs;
mod due;
mod held;
mod meter;
mod unit;

use tollgate_budget::{HoldReceipt, Settlement};
use tollgate_cost::Names;
use tollgate_llm::Usage;

pub(crate) use budget::{CompiledBudget, RuleBudgets};
pub(crate) use costs::RuleCosts;
pub(crate) use due::{Due, NoSubject, accounts, dues};
pub(crate) use held::{Ask, Covered, Refused, charges, output_that_fits};
pub(crate) use meter::Unmeasured;
pub(crate) use unit::{Unit, window_text};

/// What is known of a call before its answer, for one provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSize<'a> {
    pub(crate) names: Names<'a>,
    /// Upper bound on the input tokens.
    pub(crate) input: u64,
}

/// What a call used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    /// No provider was reached, or it failed before it answered.
    Nothing,
    /// A provider answered, with an error that is the client's.
    Request,
    /// A provider took the prompt.
    Tokens(Usage),
}

/// Ends a hold with what was used. A cost that cannot be told is what was held, and its budget is
/// returned.
pub(crate) fn settlement(
    dues: &[Due],
    names: Names<'_>,
    receipt: HoldReceipt,
    used: Used,
) -> (Settlement, Vec<String>) {
    let mut unknown = Vec::new();
    let charges = dues
        .iter()
        .zip(&receipt.entries)
        .map(|(due, entry)| {
            due.budget.meter.used(names, used).unwrap_or_else(|_| {
                unknown.push(due.account.budget.to_string());
                entry.held
            })
        })
        .collect();
    (Settlement { receipt, charges }, unknown)
}
