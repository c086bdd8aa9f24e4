//! Which accounts have been told of: a budget that passes its warning threshold is an event once
//! for each account and window.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
};

use parking_lot::Mutex;
use tollgate_budget::Account;
use tollgate_bundle::WindowKind;

/// Accounts that passed their threshold of late, by hash. Shared by all exchanges; touched only by
/// calls on such accounts.
#[derive(Debug, Default)]
pub struct Warned {
    hasher: RandomState,
    windows: Mutex<HashMap<u64, i64>>,
}

/// Accounts that are remembered. When there are more, all are forgotten: some are told twice.
const ACCOUNTS_MAX: usize = 10_000;

// === impl Warned ===

impl Warned {
    /// Whether this is the first time in this window. `start_ms` is where the window began; of a
    /// sliding one, any moment in it.
    pub(crate) fn is_first(&self, account: &Account, start_ms: i64) -> bool {
        let start_ms = match account.window {
            WindowKind::Sliding(span_ms) => {
                start_ms.div_euclid(i64::try_from(span_ms).unwrap_or(i64::MAX).max(1))
            }
            _ => start_ms,
        };
        let Account {
            budget,
            subject,
            window,
            time_zone,
            limit: _,
        } = account;
        let key = self.hasher.hash_one((budget, subject, window, time_zone));
        let mut windows = self.windows.lock();
        if windows.len() >= ACCOUNTS_MAX && !windows.contains_key(&key) {
            windows.clear();
        }
        match windows.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(start_ms);
                true
            }
            Entry::Occupied(mut known) if *known.get() < start_ms => {
                known.insert(start_ms);
                true
            }
            Entry::Occupied(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(subject: &str, window: WindowKind) -> Account {
        Account {
            budget: "default/daily".into(),
            subject: subject.into(),
            window,
            time_zone: "UTC".into(),
            limit: 100,
        }
    }

    #[test]
    fn an_account_is_told_of_once_for_each_window() {
        let warned = Warned::default();
        let alice = account("user:default/alice", WindowKind::Day);
        assert!(warned.is_first(&alice, 0));
        assert!(!warned.is_first(&alice, 0));
        assert!(warned.is_first(&account("user:default/bob", WindowKind::Day), 0));
        assert!(warned.is_first(&alice, 86_400_000));
        assert!(!warned.is_first(&alice, 0), "an earlier window");
    }

    #[test]
    fn a_sliding_window_is_told_of_once_for_each_span() {
        let warned = Warned::default();
        let alice = account("user:default/alice", WindowKind::Sliding(1_000));
        assert!(warned.is_first(&alice, 10_000));
        assert!(!warned.is_first(&alice, 10_950));
        assert!(warned.is_first(&alice, 11_000));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let warned = Warned::default();
        for index in 0..ACCOUNTS_MAX + 10 {
            warned.is_first(&account(&index.to_string(), WindowKind::Day), 0);
        }
        assert!(warned.windows.lock().len() <= ACCOUNTS_MAX);
    }
}
