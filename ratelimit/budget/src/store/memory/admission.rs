//! The decision: does a request fit on all of its accounts, and how much output may it have.
//! Pure; the ledger gathers the claims and records the outcome.

use std::cmp::Reverse;

use super::slot::Slot;
use crate::{AccountState, Denial, Window};

/// What a request asks of one account that may refuse, beside what stands there. A request that
/// names an account twice asks for the sum, and the sum must fit under each of the two limits.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// Which charge of the request.
    pub(super) index: usize,
    /// As it stands, this request's own hold included.
    pub(super) state: AccountState,
    /// Where it stands, if anything does.
    pub(super) slot: Option<&'a Slot>,
    /// The present window or bucket.
    pub(super) window: Window,
    /// The store's time.
    pub(super) now_ms: i64,
    /// Held in this window by the hold that is being replaced, if there is one.
    pub(super) own: Option<u64>,
    /// Tokens that do not depend on the output.
    pub(super) fixed: u128,
    /// Tokens for each output token.
    pub(super) per_output: u128,
}

/// The output granted: the most, between `min` and `want`, that fits everywhere.
pub(super) fn decide(claims: &[Claim<'_>], want: u64, min: u64) -> Result<u64, Denial> {
    let min = min.min(want);
    let denials = claims.iter().filter_map(|claim| claim.denial(min));
    // The one that frees latest, then the one with least left; of equals the first, which
    // `min_by_key` keeps.
    if let Some(tightest) =
        denials.min_by_key(|denial| (Reverse(denial.retry_ms), denial.state.remaining()))
    {
        return Err(tightest);
    }
    Ok(claims
        .iter()
        .filter_map(Claim::output_max)
        .fold(want, u64::min))
}

// === impl Claim ===

impl Claim<'_> {
    /// Why this account refuses, if it does.
    fn denial(&self, output: u64) -> Option<Denial> {
        let need = self
            .fixed
            .saturating_add(self.per_output.saturating_mul(u128::from(output)));
        (!self.fits(need)).then(|| Denial {
            tightest: self.index,
            state: self.state.clone(),
            needed: u64::try_from(need).unwrap_or(u64::MAX),
            retry_ms: self.retry_ms(need),
        })
    }

    /// Whether `need` may be held. On a full account nothing fits, not even 0; but what a hold
    /// already has is not taken from it when it is replaced by one that asks no more, even where
    /// the limit was lowered meanwhile.
    fn fits(&self, need: u128) -> bool {
        let had = self.own.is_some_and(|own| need <= u128::from(own));
        had || fits_in(self.room(), need)
    }

    /// The most output that fits, given that some does; none where output costs nothing.
    fn output_max(&self) -> Option<u64> {
        let most = u128::from(self.room().max(self.own.unwrap_or(0)));
        most.saturating_sub(self.fixed)
            .checked_div(self.per_output)
            .map(|output| u64::try_from(output).unwrap_or(u64::MAX))
    }

    fn room(&self) -> u64 {
        self.room_with(self.state.settled, self.state.granted)
    }

    /// What is left beside the holds of others, with that much charged and granted.
    fn room_with(&self, settled: u64, granted: u64) -> u64 {
        let others = self.state.held.saturating_sub(self.own.unwrap_or(0));
        self.state
            .limit
            .saturating_add(granted)
            .saturating_sub(settled)
            .saturating_sub(others)
    }

    fn retry_ms(&self, need: u128) -> u64 {
        let end_ms = self.window.reset_ms(self.now_ms);
        self.slot.map_or(end_ms, |slot| {
            slot.retry_ms(self.now_ms, |settled, granted| {
                fits_in(self.room_with(settled, granted), need)
            })
        })
    }
}

fn fits_in(room: u64, need: u128) -> bool {
    room > 0 && need <= u128::from(room)
}
