//! Renewal: keeps a hold alive, or records an expired one again.

use super::{accounts::AccountKey, ledger::Ledger, live_holds::HoldRecord};
use crate::{HoldReceipt, StoreError};

impl Ledger {
    pub(super) fn renew(&mut self, receipt: &HoldReceipt) -> Result<(), StoreError> {
        let expires_ms = self.bounds.expiry_ms(self.now_ms);
        let over = receipt.entries.is_empty() || self.settled.get(receipt.id).is_some();
        if over || self.holds.extend(receipt.id, expires_ms) {
            return Ok(());
        }
        self.check_room_for_hold()?;
        let mut record = HoldRecord::from(receipt);
        let windows = self.windows_of_admission(receipt);
        let missing = record
            .entries
            .iter()
            .zip(&windows)
            .filter(|(entry, window)| {
                let key = AccountKey::from(&entry.receipt.account);
                window.is_some() && self.accounts.find(&key).is_none()
            })
            .count();
        self.check_room_for_accounts(missing)?;
        for (entry, window) in record.entries.iter_mut().zip(windows) {
            // A window that is over counts no more: there is nothing to hold on it.
            let Some(window) = window else { continue };
            let key = AccountKey::from(&entry.receipt.account);
            let id = self.accounts.open(&key, window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                slot.held = slot.held.saturating_add(entry.receipt.held);
                slot.pins += 1;
                entry.slot = Some(id);
            }
        }
        self.holds.insert(receipt.id, expires_ms, record);
        Ok(())
    }
}
