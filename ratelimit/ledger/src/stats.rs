//! What the guard has seen: counters for metrics and for operators, with any store.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use serde::Serialize;
use tollgate_budget::{
    Account, AccountState, Denial, HoldRequest, ReceiptEntry, Settlement, window::WindowCache,
};
use tollgate_bundle::WindowKind;

use crate::ledger::Ledger;

/// Budgets counted apart, each with each of its windows; further ones are summed as `other`.
const BUDGETS_MAX: usize = 4_096;

/// Counts since the process started, and the present state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerStats {
    /// Whether the store is asked.
    pub breaker: BreakerState,
    /// How often the breaker opened.
    pub breaker_opened: u64,
    /// What went wrong with the store.
    pub failures: Failures,
    /// Holds that the store granted.
    pub granted: u64,
    /// Holds that the store denied.
    pub denied_by_store: u64,
    /// Holds that were denied without asking, because the account was known to be spent.
    pub denied_from_cache: u64,
    /// Holds granted without the store, without bound.
    pub granted_open: u64,
    /// Holds granted without the store, from a lease.
    pub granted_leased: u64,
    /// Holds denied without the store, because a lease was spent.
    pub denied_by_lease: u64,
    /// Calls refused because the store did not answer.
    pub refused_closed: u64,
    /// Settlements that wait.
    pub queue: QueueFigures,
    /// Settlements that the store accepted.
    pub settled: u64,
    /// Those of them that had to wait.
    pub settled_late: u64,
    /// Settlements that will never be charged.
    pub lost: u64,
    /// Units charged above a limit, all budgets together; see [`BudgetFigures::overrun`].
    pub overrun: u64,
    /// By budget and window, sorted.
    pub budgets: Vec<BudgetFigures>,
}

/// Whether the store is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "state"
)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It is not, but for a probe now and then.
    Open {
        /// Since when, in milliseconds.
        for_ms: u64,
        /// What it said last.
        last_error: String,
    },
}

/// Failures of the store by kind. A call may meet several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// No answer within the deadline.
    pub timeouts: u64,
    /// It said that it cannot, or could not be reached.
    pub unavailable: u64,
    /// It was full.
    pub full: u64,
    /// It was not asked, because the breaker was open.
    pub refused: u64,
    /// Holds that were not renewed.
    pub renewals: u64,
    /// Charges of the rate limit service that were not made.
    pub spends: u64,
}

/// The queue of settlements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueFigures {
    /// How many wait.
    pub settlements: usize,
    /// What they take.
    pub bytes: usize,
    /// How many ever waited.
    pub queued: u64,
    /// Holds whose answer nobody saw, and whose release was queued.
    pub releases: u64,
    /// Releases that found no place; the store frees those holds when they expire.
    pub releases_dropped: u64,
}

/// One budget's limits of one window, over all subjects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetFigures {
    /// The budget's id.
    pub budget: String,
    /// Which of its limits.
    pub window: WindowKind,
    /// Units charged by this replica.
    pub settled: u64,
    /// Units that this replica charged above the limit (and what was granted to it). For a window
    /// that was over by then: units charged above the hold. A strict budget reads 0; one in shadow
    /// mode says what it would have refused.
    pub overrun: u64,
    /// Holds that this limit denied; a call may ask for several.
    pub denied: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    settled: u64,
    overrun: u64,
    denied: u64,
}

/// The counters behind [`LedgerStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) timeouts: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) full: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) renewals_failed: AtomicU64,
    pub(crate) spends_failed: AtomicU64,
    pub(crate) granted: AtomicU64,
    pub(crate) denied_by_store: AtomicU64,
    pub(crate) denied_from_cache: AtomicU64,
    pub(crate) granted_open: AtomicU64,
    pub(crate) granted_leased: AtomicU64,
    pub(crate) denied_by_lease: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) queued: AtomicU64,
    pub(crate) releases_queued: AtomicU64,
    pub(crate) releases_dropped: AtomicU64,
    pub(crate) settled: AtomicU64,
    pub(crate) settled_late: AtomicU64,
    pub(crate) lost: AtomicU64,
    budgets: Mutex<HashMap<(Arc<str>, WindowKind), Sums>>,
    windows: Mutex<WindowCache>,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

// === impl Ledger ===

impl Ledger {
    /// What it has seen so far.
    pub fn stats(&self) -> LedgerStats {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let budgets = counters.budget_figures();
        LedgerStats {
            breaker: self.breaker.state(),
            breaker_opened: self.breaker.opened(),
            failures: Failures {
                timeouts: read(&counters.timeouts),
                unavailable: read(&counters.unavailable),
                full: read(&counters.full),
                refused: read(&counters.refused),
                renewals: read(&counters.renewals_failed),
                spends: read(&counters.spends_failed),
            },
            granted: read(&counters.granted),
            denied_by_store: read(&counters.denied_by_store),
            denied_from_cache: read(&counters.denied_from_cache),
            granted_open: read(&counters.granted_open),
            granted_leased: read(&counters.granted_leased),
            denied_by_lease: read(&counters.denied_by_lease),
            refused_closed: read(&counters.closed),
            queue: QueueFigures {
                settlements: self.queue.len(),
                bytes: self.queue.bytes(),
                queued: read(&counters.queued),
                releases: read(&counters.releases_queued),
                releases_dropped: read(&counters.releases_dropped),
            },
            settled: read(&counters.settled),
            settled_late: read(&counters.settled_late),
            lost: read(&counters.lost),
            overrun: budgets
                .iter()
                .fold(0, |sum, budget| sum.saturating_add(budget.overrun)),
            budgets,
        }
    }
}

// === impl Counters ===

impl Counters {
    pub(crate) fn denied(&self, request: &HoldRequest, denial: &Denial) {
        if let Some(charge) = request.charges.get(denial.tightest) {
            self.denied_on(&charge.account);
        }
    }

    pub(crate) fn denied_on(&self, account: &Account) {
        let mut budgets = self.budgets.lock();
        let sums = sums_of(&mut budgets, account);
        sums.denied = sums.denied.saturating_add(1);
    }

    /// Adds the charges of an accepted settlement; `states` are the store's answer to it.
    pub(crate) fn settled_charges(
        &self,
        settlement: &Settlement,
        states: &[AccountState],
        now_ms: i64,
    ) {
        for (index, entry) in settlement.receipt.entries.iter().enumerate() {
            let charged = settlement.charges.get(index).copied().unwrap_or(entry.held);
            if charged == 0 {
                continue;
            }
            let overrun = states
                .get(index)
                .map_or(0, |state| self.overrun(entry, state, charged, now_ms));
            let mut budgets = self.budgets.lock();
            let sums = sums_of(&mut budgets, &entry.account);
            sums.settled = sums.settled.saturating_add(charged);
            sums.overrun = sums.overrun.saturating_add(overrun);
        }
    }

    /// What of a charge went above the limit.
    fn overrun(
        &self,
        entry: &ReceiptEntry,
        state: &AccountState,
        charged: u64,
        now_ms: i64,
    ) -> u64 {
        let limit = entry.account.limit.saturating_add(state.granted);
        let above = state.settled.saturating_sub(limit);
        let above_hold = charged.saturating_sub(entry.held);
        // Almost always, and then no calendar is asked.
        if above == 0 && above_hold == 0 {
            return 0;
        }
        if self.is_over(entry, now_ms) {
            return above_hold;
        }
        above.min(charged)
    }

    /// Whether the window of admission is over, by this machine's clock.
    fn is_over(&self, entry: &ReceiptEntry, now_ms: i64) -> bool {
        let Account {
            window, time_zone, ..
        } = &entry.account;
        if matches!(window, WindowKind::Lifetime | WindowKind::Sliding(_)) {
            return false;
        }
        let present = self.windows.lock().window(*window, time_zone, now_ms);
        present.start_ms > entry.window_start_ms
    }

    fn budget_figures(&self) -> Vec<BudgetFigures> {
        let mut figures: Vec<_> = self
            .budgets
            .lock()
            .iter()
            .map(|((budget, window), sums)| BudgetFigures {
                budget: budget.to_string(),
                window: *window,
                settled: sums.settled,
                overrun: sums.overrun,
                denied: sums.denied,
            })
            .collect();
        figures.sort_by(|a, b| (&a.budget, a.window).cmp(&(&b.budget, b.window)));
        figures
    }
}

fn sums_of<'a>(
    budgets: &'a mut HashMap<(Arc<str>, WindowKind), Sums>,
    account: &Account,
) -> &'a mut Sums {
    let mut key = (Arc::clone(&account.budget), account.window);
    if budgets.len() >= BUDGETS_MAX && !budgets.contains_key(&key) {
        key.0 = Arc::from("other");
    }
    budgets.entry(key).or_default()
}
