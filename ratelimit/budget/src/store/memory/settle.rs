//! Settlement: frees a hold and charges what was really used, once.

use tollgate_bundle::WindowKind;

use super::{
    ledger::{Ledger, Line},
    live_holds::HoldRecord,
    totals::Charged,
};
use crate::{AccountState, ReceiptEntry, Settlement, StoreError, Window, window::sliding};

/// What is charged on one entry of the receipt.
struct Bill<'a> {
    entry: &'a ReceiptEntry,
    line: Line<'a>,
    /// The window or bucket of admission; none where it counts no more.
    window: Option<Window>,
    tokens: u64,
}

impl Ledger {
    pub(super) fn settle(
        &mut self,
        settlement: &Settlement,
    ) -> Result<Vec<AccountState>, StoreError> {
        let receipt = &settlement.receipt;
        if receipt.entries.is_empty() || self.settled.get(receipt.id).is_some() {
            return Ok(self.entry_states(&receipt.entries));
        }
        let bills: Vec<Bill<'_>> = (receipt.entries.iter().enumerate())
            .map(|(index, entry)| {
                let figure = settlement.charges.get(index).copied();
                self.bill(entry, figure.unwrap_or(entry.held))
            })
            .collect();
        // Before anything is recorded: a settle that fails may be tried again.
        self.check_room_for_accounts(bills.iter().filter(|bill| bill.opens()).count())?;
        let record = self.holds.remove(receipt.id);
        if let Some(record) = &record {
            self.release(record);
        }
        for bill in &bills {
            self.charge(bill);
        }
        let record = record.unwrap_or_else(|| HoldRecord::from(receipt));
        let bound = self.bounds.settled_ids_max;
        self.settled
            .remember(receipt.id, record, self.now_ms, bound);
        Ok(self.entry_states(&receipt.entries))
    }

    fn bill<'a>(&mut self, entry: &'a ReceiptEntry, tokens: u64) -> Bill<'a> {
        let line = self.line(&entry.account);
        let window = match entry.account.window {
            WindowKind::Sliding(span_ms) => {
                let bucket = sliding::starting_at(span_ms, entry.window_start_ms);
                (self.now_ms < bucket.end_ms).then_some(bucket)
            }
            _ => (line.window.start_ms == entry.window_start_ms).then_some(line.window),
        };
        Bill {
            entry,
            line,
            window,
            tokens,
        }
    }

    /// Charges one account. Where the window of admission is over the tokens count in the totals,
    /// and in no later window.
    fn charge(&mut self, bill: &Bill<'_>) {
        let Bill {
            entry,
            ref line,
            window,
            tokens,
        } = *bill;
        if tokens == 0 {
            return;
        }
        let mut charged = Charged {
            tokens,
            overrun: tokens.saturating_sub(entry.held),
            late: tokens,
            ..Charged::default()
        };
        if let Some(window) = window {
            let id = self.accounts.open(&line.key, line.window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                charged.overrun = slot.charge(window, tokens, entry.account.limit, self.now_ms);
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

// === impl Bill ===

impl Bill<'_> {
    /// Whether charging it makes an account.
    fn opens(&self) -> bool {
        self.window.is_some() && self.tokens > 0 && self.line.slot.is_none()
    }
}
