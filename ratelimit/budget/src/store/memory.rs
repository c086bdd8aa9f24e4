//! The ledger in this process' memory: for standalone use and for tests.
//!
//! One lock around one [`Ledger`]; no background task. Expired holds, accounts whose window is
//! over and old settlements are cleared away by the operations themselves.

mod accounts;
mod admission;
mod bounds;
mod ledger;
mod live_holds;
mod operator;
mod renew;
mod settle;
mod settled;
mod slot;
mod spend;
mod totals;

use std::future::ready;

use parking_lot::Mutex;

use self::ledger::Ledger;
use crate::{
    Account, AccountState, Clock, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest,
    Settlement, Spend, SpendOutcome, Store, StoreError, StoreFuture,
};

pub use bounds::Bounds;
pub use totals::BudgetTotal;

/// The ledger in memory. What it holds is lost with the process.
///
/// Its time never runs backwards: where the clock steps back, the store's time stands still until
/// the clock has caught up, so that no window is opened twice.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Clock,
    ledger: Mutex<Ledger>,
}

/// How full a store is, each figure beside its bound in [`Bounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Accounts kept.
    pub accounts: usize,
    /// Live holds.
    pub holds: usize,
    /// Settlements remembered.
    pub settled_ids: usize,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// An empty ledger.
    pub fn new(clock: Clock, bounds: Bounds) -> Self {
        Self {
            clock,
            ledger: Mutex::new(Ledger::new(bounds)),
        }
    }

    /// [`Store::hold`], without a future.
    pub fn hold_now(&self, request: &HoldRequest) -> Result<HoldOutcome, StoreError> {
        self.at_now(|ledger| ledger.hold(request))
    }

    /// [`Store::raise`], without a future.
    pub fn raise_now(&self, request: &HoldRequest) -> Result<HoldOutcome, StoreError> {
        self.at_now(|ledger| ledger.raise(request))
    }

    /// [`Store::renew`], without a future.
    pub fn renew_now(&self, receipt: &HoldReceipt) -> Result<(), StoreError> {
        self.at_now(|ledger| ledger.renew(receipt))
    }

    /// [`Store::settle`], without a future.
    pub fn settle_now(&self, settlement: &Settlement) -> Result<Vec<AccountState>, StoreError> {
        self.at_now(|ledger| ledger.settle(settlement))
    }

    /// [`Store::spend`], without a future.
    pub fn spend_now(&self, spends: &[Spend]) -> Result<SpendOutcome, StoreError> {
        self.at_now(|ledger| ledger.spend(spends))
    }

    /// [`Store::grant`], without a future.
    pub fn grant_now(&self, account: &Account, amount: u64) -> Result<AccountState, StoreError> {
        self.at_now(|ledger| ledger.grant(account, amount))
    }

    /// [`Store::reset`], without a future. Cannot fail.
    pub fn reset_now(&self, account: &Account) -> AccountState {
        self.at_now(|ledger| ledger.reset(account))
    }

    /// [`Store::list`], without a future. Cannot fail.
    pub fn list_now(&self, request: &PageRequest) -> Page {
        self.at_now(|ledger| ledger.list(request))
    }

    /// [`Store::states`], without a future. Cannot fail.
    pub fn states_now(&self, accounts: &[Account]) -> Vec<AccountState> {
        self.at_now(|ledger| {
            accounts
                .iter()
                .map(|account| ledger.state_of(account))
                .collect()
        })
    }

    /// Tokens ever charged for good on accounts of this budget. A budget with two limits has two
    /// accounts per subject, and a call is charged on both.
    pub fn settled_total(&self, budget: &str) -> u64 {
        self.totals()
            .iter()
            .filter(|total| &*total.budget == budget)
            .fold(0, |sum, total| sum.saturating_add(total.settled))
    }

    /// Tokens ever settled above a limit; see [`BudgetTotal::overrun`]. Reads 0 as long as every
    /// settle charges at most what a live hold held.
    pub fn overrun_total(&self) -> u64 {
        self.totals()
            .iter()
            .fold(0, |sum, total| sum.saturating_add(total.overrun))
    }

    /// What was charged since the store was made, by budget and window, sorted.
    pub fn totals(&self) -> Vec<BudgetTotal> {
        self.ledger.lock().totals()
    }

    /// How full the store is.
    pub fn usage(&self) -> Usage {
        self.at_now(|ledger| ledger.usage())
    }

    fn at_now<T>(&self, operation: impl FnOnce(&mut Ledger) -> T) -> T {
        let now_ms = self.clock.now_ms();
        let mut ledger = self.ledger.lock();
        ledger.advance(now_ms);
        operation(&mut ledger)
    }
}

impl Store for MemoryStore {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(ready(self.hold_now(request)))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(ready(self.raise_now(request)))
    }

    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.renew_now(receipt)))
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(ready(self.settle_now(settlement)))
    }

    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        Box::pin(ready(self.spend_now(spends)))
    }

    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        Box::pin(ready(self.grant_now(account, amount)))
    }

    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        Box::pin(ready(Ok(self.reset_now(account))))
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        Box::pin(ready(Ok(self.list_now(request))))
    }

    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(ready(Ok(self.states_now(accounts))))
    }
}

#[cfg(test)]
mod tests;
