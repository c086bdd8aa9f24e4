//! Settlement: frees a hold and charges what was really used, once.

use super::{accounts::AccountKey, ledger::Ledger, live_holds::HoldRecord, totals::Charged};
use crate::{AccountState, ReceiptEntry, Settlement, StoreError, Window};

impl Ledger {
    pub(super) fn settle(
        &mut self,
        settlement: &Settlement,
    ) -> Result<Vec<AccountState>, StoreError> {
        let receipt = &settlement.receipt;
        if receipt.entries.is_empty() || self.settled.get(receipt.id).is_some() {
            return Ok(self.entry_states(&receipt.entries));
        }
        let windows = self.windows_of_admission(receipt);
        let charges: Vec<u64> = receipt
            .entries
            .iter()
            .enumerate()
            .map(|(i, entry)| settlement.charges.get(i).copied().unwrap_or(entry.held))
            .collect();
        let missing = (receipt.entries.iter().zip(&windows).zip(&charges))
            .filter(|((entry, window), charge)| {
                let key = AccountKey::from(&entry.account);
                window.is_some() && **charge > 0 && self.accounts.find(&key).is_none()
            })
            .count();
        // Before anything is recorded: a settle that fails may be tried again.
        self.check_room_for_accounts(missing)?;
        let record = self.holds.remove(receipt.id);
        if let Some(record) = &record {
            self.release(record);
        }
        for ((entry, window), charge) in receipt.entries.iter().zip(windows).zip(charges) {
            self.charge(entry, window, charge);
        }
        let record = record.unwrap_or_else(|| HoldRecord::from(receipt));
        let bound = self.bounds.settled_ids_max;
        self.settled
            .remember(receipt.id, record, self.now_ms, bound);
        Ok(self.entry_states(&receipt.entries))
    }

    /// Charges one account. With no window, the window of admission is over: the tokens count in
    /// the totals, and in no later window.
    fn charge(&mut self, entry: &ReceiptEntry, window: Option<Window>, tokens: u64) {
        if tokens == 0 {
            return;
        }
        let mut charged = Charged {
            tokens,
            overrun: tokens.saturating_sub(entry.held),
            late: tokens,
        };
        if let Some(window) = window {
            let id = self
                .accounts
                .open(&AccountKey::from(&entry.account), window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                let above = |settled: u64| settled.saturating_sub(entry.account.limit);
                let before = above(slot.settled);
                slot.settled = slot.settled.saturating_add(tokens);
                charged.overrun = above(slot.settled) - before;
                charged.late = 0;
            }
        }
        self.totals
            .add(&entry.account.budget, entry.account.window, charged);
    }

    fn entry_states(&mut self, entries: &[ReceiptEntry]) -> Vec<AccountState> {
        entries
            .iter()
            .map(|entry| self.state_of(&entry.account))
            .collect()
    }
}
