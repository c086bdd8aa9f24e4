//! Charges without a hold: all that is not forced, or none of it.

use super::{
    ledger::{Ledger, Line},
    totals::Charged,
};
use crate::{Spend, SpendOutcome, SpendState, StoreError};

impl Ledger {
    pub(super) fn spend(&mut self, spends: &[Spend]) -> Result<SpendOutcome, StoreError> {
        let lines: Vec<Line<'_>> = spends.iter().map(|s| self.line(&s.account)).collect();
        let fits: Vec<bool> = (0..spends.len())
            .map(|index| self.fits(spends, &lines, index))
            .collect();
        let admitted = spends.iter().zip(&fits).all(|(s, fits)| s.forced || *fits);
        let charged = || {
            let all = spends.iter().zip(&lines);
            all.filter(move |(spend, _)| admitted || spend.forced)
        };
        let opens = |(spend, line): &(&Spend, &Line<'_>)| spend.amount > 0 && line.slot.is_none();
        self.check_room_for_accounts(charged().filter(opens).count())?;
        for (spend, line) in charged() {
            self.apply(spend, line);
        }
        let accounts = spends.iter().zip(fits).map(|(spend, fits)| SpendState {
            fits,
            state: self.state_of(&spend.account),
        });
        Ok(SpendOutcome {
            admitted,
            accounts: accounts.collect(),
        })
    }

    /// Whether a spend fits, those before it on the same account being charged.
    fn fits(&self, spends: &[Spend], lines: &[Line<'_>], index: usize) -> bool {
        let Ok(amount) = u64::try_from(spends[index].amount) else {
            return true;
        };
        let line = &lines[index];
        let mut state = self.state(line);
        for (before, _) in (spends[..index].iter().zip(lines)).filter(|(_, l)| l.key == line.key) {
            state.settled = state.settled.saturating_add_signed(before.amount);
        }
        let left = state.remaining();
        left > 0 && amount <= left
    }

    fn apply(&mut self, spend: &Spend, line: &Line<'_>) {
        let mut charged = Charged::default();
        if let Ok(tokens @ 1..) = u64::try_from(spend.amount) {
            let id = self.accounts.open(&line.key, line.window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                charged.tokens = tokens;
                charged.overrun =
                    slot.charge(line.window, tokens, spend.account.limit, self.now_ms);
            }
        } else if let Some(slot) = self
            .accounts
            .find(&line.key)
            .and_then(|id| self.accounts.slot_mut(id))
        {
            charged.given_back = slot.give_back(spend.amount.unsigned_abs(), self.now_ms);
        }
        if charged != Charged::default() {
            self.totals
                .add(&spend.account.budget, spend.account.window, charged);
        }
    }
}
