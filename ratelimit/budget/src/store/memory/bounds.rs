//! How much a memory store may hold, and how long a hold lives.

/// The bounds of a memory store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Accounts kept at once; a hold that needs one more is answered with an error.
    pub accounts_max: usize,
    /// Live holds at once; one more is answered with an error.
    pub holds_max: usize,
    /// Settlements remembered, so that a repeated one does nothing. Each is kept for two hold
    /// lifetimes. With more than this many settles in that time the oldest are forgotten early,
    /// and a repetition of a forgotten one charges a second time.
    pub settled_ids_max: usize,
    /// A hold that is neither renewed nor settled stops counting after this long.
    pub hold_lifetime_ms: u64,
}

// === impl Bounds ===

/// About 200 MiB when every bound is reached with two accounts per request. A sliding account has
/// up to 20 buckets of 32 bytes beside that.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            accounts_max: 250_000,
            holds_max: 100_000,
            settled_ids_max: 100_000,
            hold_lifetime_ms: 30_000,
        }
    }
}

impl Bounds {
    /// When a hold that is taken or renewed at `now_ms` stops counting.
    pub(super) fn expiry_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add_unsigned(self.hold_lifetime_ms)
    }

    /// Settlements up to this time may be forgotten at `now_ms`.
    pub(super) fn forget_until_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub_unsigned(self.hold_lifetime_ms.saturating_mul(2))
    }
}
