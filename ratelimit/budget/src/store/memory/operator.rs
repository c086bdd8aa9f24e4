//! What operators do: grant, reset, list.

use super::{accounts::AccountKey, ledger::Ledger};
use crate::{Account, AccountState, Page, PageRequest, StoreError};

/// Slots looked at for one page.
const SCAN_MAX: usize = 4_096;

impl Ledger {
    pub(super) fn grant(
        &mut self,
        account: &Account,
        amount: u64,
    ) -> Result<AccountState, StoreError> {
        let key = AccountKey::from(account);
        let found = self.accounts.find(&key);
        if amount > 0 {
            self.check_room_for_accounts(usize::from(found.is_none()))?;
            let window = self.present_window(found, account);
            let id = self.accounts.open(&key, window);
            if let Some(slot) = self.accounts.slot_mut(id) {
                slot.granted = slot.granted.saturating_add(amount);
            }
        }
        Ok(self.state_of(account))
    }

    pub(super) fn reset(&mut self, account: &Account) -> AccountState {
        if let Some(slot) = self
            .accounts
            .find(&AccountKey::from(account))
            .and_then(|id| self.accounts.slot_mut(id))
        {
            slot.settled = 0;
            slot.granted = 0;
        }
        self.state_of(account)
    }

    pub(super) fn list(&self, request: &PageRequest) -> Page {
        let first = match &request.after {
            None => 0,
            Some(after) => match after.parse() {
                Ok(first) => first,
                Err(_) => return Page::default(),
            },
        };
        self.accounts.page(
            &request.budget,
            first,
            request.size.max(1),
            SCAN_MAX,
            self.now_ms,
        )
    }
}
