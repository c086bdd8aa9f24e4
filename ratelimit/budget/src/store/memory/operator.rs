//! What operators do to accounts: grant, reset, list.

use super::{ledger::Ledger, slot::AccountKey};
use crate::{Account, AccountState, Page, PageRequest, StoreError};

/// Most entries on a page.
const PAGE_MAX: usize = 1_000;

impl Ledger {
    pub(super) fn grant(
        &mut self,
        account: &Account,
        amount: u64,
    ) -> Result<AccountState, StoreError> {
        if amount > 0 {
            let line = self.line(account);
            self.check_room_for_accounts(usize::from(line.slot.is_none()))?;
            let id = self.accounts.open(&line.key, line.window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                slot.grant(amount);
            }
        }
        Ok(self.state_of(account))
    }

    pub(super) fn reset(&mut self, account: &Account) -> AccountState {
        let found = self.accounts.find(&AccountKey::from(account));
        if let Some(slot) = found.and_then(|id| self.accounts.slot_mut(id)) {
            slot.reset();
        }
        self.state_of(account)
    }

    pub(super) fn list(&self, request: &PageRequest) -> Page {
        let first = request.after.as_deref().unwrap_or("0").parse();
        // A cursor that is none of ours ends the list.
        let Ok(first) = first else {
            return Page::default();
        };
        let size = request.size.clamp(1, PAGE_MAX);
        self.accounts
            .page(&request.budget, first, size, self.now_ms)
    }
}
