//! From what an operator names to the accounts that are meant.

use std::sync::Arc;

use tollgate_budget::{Account, AccountState, Store, window};
use tollgate_bundle::{Bundle, Limit};

use super::{
    problem::Problem,
    view::{View, names},
};

/// The accounts of one subject under one budget.
pub(super) struct Asked<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) budget: &'a View<'a>,
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
        let Some(known) = self.budget.subjects(self.bundle) else {
            return Ok((accounts, states));
        };
        let subject = self.budget.subject(self.subject);
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
        let subject: Arc<str> = self.budget.subject(self.subject).into();
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
                    budget: self.budget.id.into(),
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
                self.budget.windows().join(", ")
            )));
        }
        Ok(accounts)
    }
}
