//! From what an operator names to the accounts that are meant.

use std::sync::Arc;

use tollgate_budget::{Account, AccountState, Store, window};
use tollgate_bundle::{Budget, Bundle, Limit};

use super::{problem::Problem, subjects};

/// Names in an error message.
const NAMES_MAX: usize = 10;

/// The accounts of one subject under one budget.
pub(super) struct Asked<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) budget: &'a Budget,
    /// As written.
    pub(super) subject: &'a str,
    /// As written; `None`: all.
    pub(super) window: Option<&'a str>,
}

// === impl Asked ===

impl Asked<'_> {
    /// The accounts and what stands there.
    pub(super) async fn standing(
        &self,
        store: &dyn Store,
    ) -> Result<(Vec<Account>, Vec<AccountState>), Problem> {
        let accounts = self.accounts()?;
        let states = store.states(&accounts).await?;
        let is_used =
            |state: &AccountState| state.settled > 0 || state.held > 0 || state.granted > 0;
        let Some(known) = subjects::known(self.budget, self.bundle) else {
            return Ok((accounts, states));
        };
        let subject = subjects::full_name(self.budget, self.subject);
        if !known.contains(&subject) && !states.iter().any(is_used) {
            return Err(Problem::Unknown(format!(
                "budget {} has no subject {subject:?}; {}",
                self.budget.id,
                names("it has", known.iter().map(String::as_str))
            )));
        }
        Ok((accounts, states))
    }

    /// One account for each window; of several limits of one window the smallest counts.
    fn accounts(&self) -> Result<Vec<Account>, Problem> {
        let subject: Arc<str> = subjects::full_name(self.budget, self.subject).into();
        let is_meant = |limit: &Limit| {
            self.window
                .is_none_or(|name| name.eq_ignore_ascii_case(&window::words(limit.window)))
        };
        let mut accounts: Vec<Account> = Vec::new();
        for limit in self.budget.limits.iter().filter(|limit| is_meant(limit)) {
            let same = accounts.iter_mut().find(|account| {
                account.window == limit.window && *account.time_zone == *limit.time_zone
            });
            match same {
                Some(account) => account.limit = account.limit.min(limit.amount),
                None => accounts.push(Account {
                    budget: self.budget.id.as_str().into(),
                    subject: Arc::clone(&subject),
                    window: limit.window,
                    time_zone: limit.time_zone.as_str().into(),
                    limit: limit.amount,
                }),
            }
        }
        if accounts.is_empty() {
            return Err(Problem::Unknown(format!(
                "budget {} has no limit per {:?}; it has {}",
                self.budget.id,
                self.window.unwrap_or_default(),
                windows(self.budget).join(", ")
            )));
        }
        Ok(accounts)
    }
}

/// The budget of this id, or the only one of this name.
pub(super) fn budget_named<'a>(bundle: &'a Bundle, written: &str) -> Result<&'a Budget, Problem> {
    if let Some(budget) = bundle.budgets.get(written) {
        return Ok(budget);
    }
    let mut of_name = bundle.budgets.values().filter(|budget| {
        budget
            .id
            .split_once('/')
            .is_some_and(|(_, name)| name == written)
    });
    match (of_name.next(), of_name.next()) {
        (Some(budget), None) => Ok(budget),
        (Some(first), Some(second)) => Err(Problem::Invalid(format!(
            "{written:?} is the name of several budgets: {}, {}",
            first.id, second.id
        ))),
        (None, _) => Err(Problem::Unknown(format!(
            "there is no budget {written:?}; {}",
            names("there are", bundle.budgets.keys().map(String::as_str))
        ))),
    }
}

/// The windows of a budget's limits, in words.
pub(super) fn windows(budget: &Budget) -> Vec<String> {
    let mut windows: Vec<String> = Vec::new();
    for limit in &budget.limits {
        let words = window::words(limit.window);
        if !windows.contains(&words) {
            windows.push(words);
        }
    }
    windows
}

/// `there are a, b and 3 more`.
fn names<'a>(verb: &str, all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = all.len();
    if count == 0 {
        return format!("{verb} none");
    }
    let shown: Vec<&str> = all.take(NAMES_MAX).collect();
    let more = match count.saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{verb} {}{more}", shown.join(", "))
}
