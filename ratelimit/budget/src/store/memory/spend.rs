//! Charges without a hold: all that is not forced, or none of it.

use super::{accounts::AccountKey, ledger::Ledger, totals::Charged};
use crate::{AccountState, Spend, SpendOutcome, SpendState, StoreError};

impl Ledger {
    pub(super) fn spend(&mut self, spends: &[Spend]) -> Result<SpendOutcome, StoreError> {
        let fits: Vec<bool> = (0..spends.len())
            .map(|i| self.fits(&spends[..=i]))
            .collect();
        let admitted = spends
            .iter()
            .zip(&fits)
            .all(|(spend, fits)| *fits || spend.forced);
        let charged = |spend: &&Spend| admitted || spend.forced;
        let missing = (spends.iter().filter(charged))
            .filter(|s| s.amount > 0 && self.accounts.find(&AccountKey::from(&s.account)).is_none())
            .count();
        self.check_room_for_accounts(missing)?;
        for spend in spends.iter().filter(charged) {
            self.apply(spend);
        }
        let states = spends.iter().zip(fits).map(|(spend, fits)| SpendState {
            fits,
            state: self.state_of(&spend.account),
        });
        Ok(SpendOutcome {
            admitted,
            accounts: states.collect(),
        })
    }

    /// Whether the last of these fits, those before it on the same account being charged.
    fn fits(&mut self, spends: &[Spend]) -> bool {
        let Some((spend, before)) = spends.split_last() else {
            return true;
        };
        let mut state = self.state_of(&spend.account);
        let key = AccountKey::from(&spend.account);
        for other in before
            .iter()
            .filter(|s| AccountKey::from(&s.account) == key)
        {
            state.settled = state.settled.saturating_add_signed(other.amount);
        }
        fits(&state, spend.amount)
    }

    fn apply(&mut self, spend: &Spend) {
        if spend.amount == 0 {
            return;
        }
        let key = AccountKey::from(&spend.account);
        let found = self.accounts.find(&key);
        if spend.amount < 0 && found.is_none() {
            return;
        }
        let window = self.present_window(found, &spend.account);
        let id = self.accounts.open(&key, window);
        let mut charged = Charged::default();
        if let Some(slot) = self.accounts.slot_mut(id) {
            let limit = spend.account.limit.saturating_add(slot.granted);
            let before = slot.settled.saturating_sub(limit);
            slot.settled = slot.settled.saturating_add_signed(spend.amount);
            charged.tokens = u64::try_from(spend.amount).unwrap_or(0);
            charged.overrun = slot.settled.saturating_sub(limit).saturating_sub(before);
        }
        self.totals
            .add(&spend.account.budget, spend.account.window, charged);
    }
}

fn fits(state: &AccountState, amount: i64) -> bool {
    match u64::try_from(amount) {
        Ok(amount) => state.remaining() > 0 && amount <= state.remaining(),
        Err(_) => true,
    }
}
