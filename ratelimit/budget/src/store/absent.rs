//! No store: every question is answered by the budget's failure mode. For proxies that have none
//! in common, and must not count each by itself.

use super::{Store, StoreError, StoreFuture};
use crate::{
    Account, AccountState, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest, Settlement,
    Spend, SpendOutcome,
};

/// Never answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct AbsentStore;

fn absent<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    let why = "none is configured that all proxies share".to_string();
    Box::pin(std::future::ready(Err(StoreError::Unavailable(why))))
}

// === impl AbsentStore ===

impl Store for AbsentStore {
    fn hold<'a>(&'a self, _: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        absent()
    }

    fn raise<'a>(&'a self, _: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        absent()
    }

    fn renew<'a>(&'a self, _: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        absent()
    }

    fn settle<'a>(&'a self, _: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        absent()
    }

    fn spend<'a>(&'a self, _: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        absent()
    }

    fn grant<'a>(&'a self, _: &'a Account, _: u64) -> StoreFuture<'a, AccountState> {
        absent()
    }

    fn reset<'a>(&'a self, _: &'a Account) -> StoreFuture<'a, AccountState> {
        absent()
    }

    fn list<'a>(&'a self, _: &'a PageRequest) -> StoreFuture<'a, Page> {
        absent()
    }

    fn states<'a>(&'a self, _: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        absent()
    }
}
