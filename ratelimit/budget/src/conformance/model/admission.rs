//! The reference's decision: looks for the output by trying.

use std::cmp::Reverse;

use super::ledger::{Live, Model, pot, window};
use crate::{Denial, HoldOutcome, HoldReceipt, HoldRequest, ReceiptEntry};

impl Model {
    pub(super) fn hold(&mut self, request: &HoldRequest) -> HoldOutcome {
        let live = self.live.get(&request.id).map(|live| &live.receipt);
        match live.or_else(|| self.settled.get(&request.id)) {
            Some(receipt) => HoldOutcome::Granted(receipt.clone()),
            None => self.admit(request),
        }
    }

    pub(super) fn raise(&mut self, request: &HoldRequest) -> HoldOutcome {
        match self.settled.get(&request.id) {
            Some(receipt) => HoldOutcome::Granted(receipt.clone()),
            None => self.admit(request),
        }
    }

    fn admit(&mut self, request: &HoldRequest) -> HoldOutcome {
        let min = request.output_min.min(request.output_want);
        if let Some(denial) = self.denial(request, min) {
            return HoldOutcome::Denied(denial);
        }
        let fits = |output: &u64| self.denial(request, *output).is_none();
        let output = greatest(min, request.output_want, fits);
        let mut receipt = HoldReceipt {
            id: request.id,
            output_granted: output,
            entries: vec![],
            recorded: true,
        };
        for charge in &request.charges {
            let held =
                u128::from(charge.fixed) + u128::from(charge.per_output) * u128::from(output);
            receipt.entries.push(ReceiptEntry {
                account: charge.account.clone(),
                window_start_ms: window(charge.account.window, self.now_ms).0,
                held: u64::try_from(held).unwrap_or(u64::MAX),
                state: self.state(&charge.account),
            });
        }
        if receipt.entries.is_empty() {
            self.live.remove(&request.id);
            return HoldOutcome::Granted(receipt);
        }
        let expires_ms = self.now_ms + self.lifetime_ms;
        let live = Live {
            expires_ms,
            receipt: receipt.clone(),
        };
        self.live.insert(request.id, live);
        for entry in &mut receipt.entries {
            entry.state = self.state(&entry.account);
        }
        let live = Live {
            expires_ms,
            receipt: receipt.clone(),
        };
        self.live.insert(request.id, live);
        HoldOutcome::Granted(receipt)
    }

    /// Why this much output does not fit, if it does not.
    fn denial(&self, request: &HoldRequest, output: u64) -> Option<Denial> {
        let misfits = (0..request.charges.len())
            .filter(|index| request.charges[*index].enforce)
            .filter_map(|index| self.misfit(request, index, output));
        misfits.min_by_key(|d| (Reverse(d.retry_ms), d.state.remaining(), d.tightest))
    }

    fn misfit(&self, request: &HoldRequest, index: usize, output: u64) -> Option<Denial> {
        let account = &request.charges[index].account;
        let pot = pot(account);
        let same = request.charges.iter();
        let need: u128 = same
            .filter(|charge| charge.enforce && self::pot(&charge.account) == pot)
            .map(|c| u128::from(c.fixed) + u128::from(c.per_output) * u128::from(output))
            .sum();
        let own = self.live.get(&request.id);
        let own = own.and_then(|live| self.held_on(&live.receipt, &pot));
        let state = self.state(account);
        let others = u128::from(state.held) - own.unwrap_or(0);
        let fits_at = |at_ms: i64| {
            let (settled, granted) = self.sums_at(&pot, at_ms);
            let used = settled + others;
            let limit = u128::from(account.limit) + granted;
            used < limit && used + need <= limit
        };
        if own.is_some_and(|own| need <= own) || fits_at(self.now_ms) {
            return None;
        }
        // What others hold is spent now: it is out together with the present bucket.
        let present_end_ms = window(pot.1, self.now_ms).1;
        let earlier = self
            .ends(&pot)
            .into_iter()
            .filter(|end| *end < present_end_ms);
        let end_ms = earlier
            .into_iter()
            .find(|end| fits_at(*end))
            .unwrap_or(present_end_ms);
        Some(Denial {
            tightest: index,
            retry_ms: match end_ms {
                i64::MAX => u64::MAX,
                end_ms => u64::try_from(end_ms - self.now_ms).expect("in the future"),
            },
            state,
            needed: u64::try_from(need).unwrap_or(u64::MAX),
        })
    }
}

/// The greatest from `min` to `max` that fits; `min` does, and with more it only gets worse.
fn greatest(min: u64, max: u64, fits: impl Fn(&u64) -> bool) -> u64 {
    let (mut low, mut high) = (min, max);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(&middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
