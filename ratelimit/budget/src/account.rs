//! An account: one subject's spending under one limit of one budget.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_bundle::WindowKind;

/// Names one account and the rule it is kept under. Two requests with equal `key` share one pot;
/// the limit is not part of the key, so that editing a limit never resets what was used.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Account {
    /// Budget id, shown in denials: `default/daily`.
    pub budget: Arc<str>,
    /// Who pays: `user:alice`, `team:search`, `shared`.
    pub subject: Arc<str>,
    /// Length of the window.
    pub window: WindowKind,
    /// IANA time zone the window is aligned to.
    pub time_zone: Arc<str>,
    /// Tokens per window.
    pub limit: u64,
}

/// What stands on an account in its present window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Tokens per window.
    pub limit: u64,
    /// What an operator added to the limit of this window.
    pub granted: u64,
    /// Charged for good.
    pub settled: u64,
    /// Reserved by requests in flight.
    pub held: u64,
    /// Milliseconds until the window ends, by the store's clock; `u64::MAX`: never (a lifetime).
    /// For a sliding window: until nothing that stands there counts any more, what is held being
    /// taken as charged now; 0 where nothing is charged or held.
    pub reset_ms: u64,
}

// === impl AccountState ===

impl AccountState {
    /// Tokens that can still be held: 0 when they are all spent or held.
    pub fn remaining(&self) -> u64 {
        self.limit
            .saturating_add(self.granted)
            .saturating_sub(self.settled)
            .saturating_sub(self.held)
    }

    /// Milliseconds until the window ends; `None`: never.
    pub fn resets_in_ms(&self) -> Option<u64> {
        (self.reset_ms != u64::MAX).then_some(self.reset_ms)
    }
}
