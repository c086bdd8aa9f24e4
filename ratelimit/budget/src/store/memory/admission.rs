//! The decision: does a request fit on all of its accounts, and how much output may it have.
//! Pure; the ledger gathers the claims and records the outcome.

use crate::AccountState;

/// What a request asks of one account, beside what stands there. A request that names an account
/// twice asks for the sum, and the sum must fit under each of the two limits.
#[derive(Debug)]
pub(super) struct Claim {
    /// As it stands, this request's own hold included.
    pub(super) state: AccountState,
    /// Held in this window by the hold that is being replaced, if there is one.
    pub(super) own: Option<u64>,
    /// Tokens that do not depend on the output.
    pub(super) fixed: u128,
    /// Tokens for each output token.
    pub(super) per_output: u128,
}

/// A claim that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Index of the tightest claim.
    pub(super) tightest: usize,
    /// What it needed at least.
    pub(super) needed: u64,
}

/// The output granted: the most, between `min` and `want`, that fits everywhere.
pub(super) fn decide(claims: &[Claim], want: u64, min: u64) -> Result<u64, Misfit> {
    let min = min.min(want);
    let tightest = claims
        .iter()
        .enumerate()
        .filter(|(_, claim)| !claim.fits(claim.need(min)))
        // Of equals the first: `min_by_key` keeps it.
        .min_by_key(|(_, claim)| {
            let frees_latest = std::cmp::Reverse(claim.state.reset_ms);
            (frees_latest, claim.state.remaining())
        });
    if let Some((tightest, claim)) = tightest {
        return Err(Misfit {
            tightest,
            needed: u64::try_from(claim.need(min)).unwrap_or(u64::MAX),
        });
    }
    Ok(claims
        .iter()
        .filter_map(Claim::output_max)
        .fold(want, u64::min))
}

// === impl Claim ===

impl Claim {
    fn need(&self, output: u64) -> u128 {
        self.fixed
            .saturating_add(self.per_output.saturating_mul(u128::from(output)))
    }

    /// Whether `need` may be held. On a full account nothing fits, not even 0; but what a hold
    /// already has is not taken from it when it is replaced by one that asks no more, even where
    /// the limit was lowered meanwhile.
    fn fits(&self, need: u128) -> bool {
        let room = self.room();
        let had = self.own.is_some_and(|own| need <= u128::from(own));
        had || (room > 0 && need <= u128::from(room))
    }

    /// The most output that fits, given that some does; none where output costs nothing.
    fn output_max(&self) -> Option<u64> {
        let most = u128::from(self.room().max(self.own.unwrap_or(0)));
        most.saturating_sub(self.fixed)
            .checked_div(self.per_output)
            .map(|output| u64::try_from(output).unwrap_or(u64::MAX))
    }

    /// What is left beside the holds of others.
    fn room(&self) -> u64 {
        let others = self.state.held.saturating_sub(self.own.unwrap_or(0));
        self.state
            .limit
            .saturating_add(self.state.granted)
            .saturating_sub(self.state.settled)
            .saturating_sub(others)
    }
}
