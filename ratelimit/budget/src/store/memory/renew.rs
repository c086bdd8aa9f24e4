//! Renewal: keeps a hold alive, or records an expired one again.

use tollgate_bundle::WindowKind;

use super::{
    ledger::{Ledger, Line},
    live_holds::HoldRecord,
};
use crate::{HoldReceipt, ReceiptEntry, StoreError};

impl Ledger {
    pub(super) fn renew(&mut self, receipt: &HoldReceipt) -> Result<(), StoreError> {
        let expires_ms = self.bounds.expiry_ms(self.now_ms);
        let over = receipt.entries.is_empty() || self.settled.get(receipt.id).is_some();
        if over || self.holds.extend(receipt.id, expires_ms) {
            return Ok(());
        }
        self.check_room_for_hold()?;
        let mut record = HoldRecord::from(receipt);
        let lines: Vec<Option<Line<'_>>> = (receipt.entries.iter())
            .map(|entry| self.line_to_hold_on(entry))
            .collect();
        let opens = |line: &&Option<Line<'_>>| line.as_ref().is_some_and(|l| l.slot.is_none());
        self.check_room_for_accounts(lines.iter().filter(opens).count())?;
        for (entry, line) in record.entries.iter_mut().zip(lines) {
            let Some(line) = line else { continue };
            let id = self.accounts.open(&line.key, line.window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                slot.hold(entry.receipt.held);
                entry.slot = Some(id);
            }
        }
        self.holds.insert(receipt.id, expires_ms, record);
        Ok(())
    }

    /// None where the calendar window of admission is over: it counts no more, and there is
    /// nothing to hold on it.
    fn line_to_hold_on<'a>(&mut self, entry: &'a ReceiptEntry) -> Option<Line<'a>> {
        let line = self.line(&entry.account);
        let slides = matches!(entry.account.window, WindowKind::Sliding(_));
        (slides || line.window.start_ms == entry.window_start_ms).then_some(line)
    }
}
