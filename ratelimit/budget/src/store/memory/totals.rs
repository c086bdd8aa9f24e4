//! What was charged since the store was made: for metrics, and for tests that compare it with the
//! provider's own tally.

use std::{collections::HashMap, sync::Arc};

use tollgate_bundle::WindowKind;

/// Budgets counted apart; charges of further ones are summed under the name `other`.
const TOTALS_MAX: usize = 4_096;

/// Sums over all subjects of one budget, for its limits of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetTotal {
    /// The budget's id.
    pub budget: Arc<str>,
    /// Which of its limits.
    pub window: WindowKind,
    /// Tokens charged, those for windows already over included. Only ever grows.
    pub settled: u64,
    /// Tokens charged above the limit that the call or the spend was made under, and what was
    /// granted. For a window already over, whose sum is known no more: tokens charged above the
    /// hold. What is charged without asking (shadow mode, forced spends) counts here too.
    pub overrun: u64,
    /// What negative spends took off again.
    pub given_back: u64,
    /// The part of `settled` that came after its window was over.
    pub late: u64,
}

/// One charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Charged {
    pub(super) tokens: u64,
    pub(super) overrun: u64,
    pub(super) given_back: u64,
    pub(super) late: u64,
}

#[derive(Debug, Default)]
pub(super) struct Totals(HashMap<(Arc<str>, WindowKind), Charged>);

// === impl Totals ===

impl Totals {
    pub(super) fn add(&mut self, budget: &Arc<str>, window: WindowKind, charged: Charged) {
        let mut key = (Arc::clone(budget), window);
        if self.0.len() >= TOTALS_MAX && !self.0.contains_key(&key) {
            key.0 = Arc::from("other");
        }
        let sum = self.0.entry(key).or_default();
        sum.tokens = sum.tokens.saturating_add(charged.tokens);
        sum.overrun = sum.overrun.saturating_add(charged.overrun);
        sum.given_back = sum.given_back.saturating_add(charged.given_back);
        sum.late = sum.late.saturating_add(charged.late);
    }

    pub(super) fn sorted(&self) -> Vec<BudgetTotal> {
        let mut totals: Vec<_> = self
            .0
            .iter()
            .map(|((budget, window), sum)| BudgetTotal {
                budget: Arc::clone(budget),
                window: *window,
                settled: sum.tokens,
                overrun: sum.overrun,
                given_back: sum.given_back,
                late: sum.late,
            })
            .collect();
        totals.sort_by(|a, b| (&a.budget, a.window).cmp(&(&b.budget, b.window)));
        totals
    }
}
