//! A store that counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_budget::{
    Account, AccountState, HoldOutcome, HoldReceipt, HoldRequest, MemoryStore, Page, PageRequest,
    Settlement, Spend, SpendOutcome, Store, StoreFuture,
};

/// The ledger in memory, and how often it was asked.
pub(super) struct Counted {
    pub(super) store: MemoryStore,
    pub(super) spends: AtomicUsize,
}

impl Store for Counted {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        self.store.hold(request)
    }
    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        self.store.raise(request)
    }
    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        self.store.renew(receipt)
    }
    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        self.store.settle(settlement)
    }
    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        self.spends.fetch_add(1, Ordering::SeqCst);
        self.store.spend(spends)
    }
    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        self.store.grant(account, amount)
    }
    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        self.store.reset(account)
    }
    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        self.store.list(request)
    }
    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        self.store.states(accounts)
    }
}
