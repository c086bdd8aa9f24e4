//! The bounds of the guard.

use std::time::Duration;

use tollgate_budget::store::memory::Bounds;

/// Deadlines, bounds and thresholds of a [`crate::Ledger`].
#[derive(Clone, Copy, Debug)]
pub struct LedgerConfig {
    /// Longest wait for an admission. A store that takes longer counts as failing, also where its
    /// answer comes after all.
    pub decision_deadline: Duration,
    /// Longest wait for a settle at the end of a call, which then goes on in the background, and
    /// for a renewal.
    pub settle_deadline: Duration,
    /// Longest wait for a settle in the background.
    pub delivery_deadline: Duration,
    /// Longest wait for what operators and callers ask: states, pages, grants, resets.
    pub query_deadline: Duration,
    /// So many failures in a row open the breaker.
    pub breaker_failures: u32,
    /// Longest pause between two probes of a store that does not answer, and between two attempts
    /// to deliver a settlement.
    pub backoff_max: Duration,
    /// Settlements that wait at most; further ones are lost, and counted.
    pub queue_settlements_max: usize,
    /// Bytes of settlements that wait at most.
    pub queue_bytes_max: usize,
    /// A spent account is asked for again after this long at the latest.
    pub denied_recheck: Duration,
    /// Bounds of the accounts that are served without the store.
    pub lease_bounds: Bounds,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            decision_deadline: Duration::from_millis(20),
            settle_deadline: Duration::from_millis(50),
            delivery_deadline: Duration::from_secs(2),
            query_deadline: Duration::from_secs(2),
            breaker_failures: 5,
            backoff_max: Duration::from_secs(1),
            queue_settlements_max: 100_000,
            queue_bytes_max: 64 << 20,
            denied_recheck: Duration::from_secs(2),
            lease_bounds: Bounds::default(),
        }
    }
}
