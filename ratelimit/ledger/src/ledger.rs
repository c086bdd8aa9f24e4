//! [`Ledger`]: a store that stands in front of another one.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tollgate_budget::{
    Account, AccountState, Clock, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest,
    Settlement, Spend, SpendOutcome, Store, StoreError, StoreFuture,
};

use crate::{
    admission::Admission, breaker::Breaker, config::LedgerConfig, denied::DeniedAccounts,
    lease::Leases, log_gate::LogGates, queue::Queue, stats::Counters,
};

/// A store with deadlines, a breaker, a failure mode for each charge, a memory for spent accounts
/// and a queue for settlements. What it adds to [`Store`]:
///
/// - `hold` and `raise` answer within [`LedgerConfig::decision_deadline`]. Where the store does
///   not, the charges' [`tollgate_bundle::OnStoreFailure`] decides: one enforced `Closed` charge
///   makes it an error; else the hold is granted here, with `recorded: false`, as far as `Leased`
///   charges allow. The bound of a leased account is its lease times the replicas, per window.
/// - `settle` never fails while there is room in the queue. An empty list of states means that
///   the settlement waits for the store; [`Ledger::run`] delivers it.
/// - A future of `hold` or `settle` that is dropped before its answer loses nothing: the hold is
///   released, the settlement delivered in the background.
///
/// Its futures need a tokio runtime with time.
pub struct Ledger {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) config: LedgerConfig,
    pub(crate) clock: Clock,
    pub(crate) breaker: Breaker,
    pub(crate) denied: DeniedAccounts,
    pub(crate) leases: Leases,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    pub(crate) logs: LogGates,
    /// An account that the store failed with last: what a probe asks for.
    pub(crate) suspect: Mutex<Option<Account>>,
    /// Something waits for delivery, or the breaker opened.
    pub(crate) wake: Notify,
}

// === impl Ledger ===

impl Ledger {
    /// Guards `store`. `clock` is this machine's: for windows of accounts that are served without
    /// the store, and for how long a spent account is remembered.
    pub fn new(store: Arc<dyn Store>, config: LedgerConfig, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store,
            breaker: Breaker::new(config.breaker_failures, config.backoff_max),
            denied: DeniedAccounts::new(config.denied_recheck),
            leases: Leases::new(clock.clone(), config.lease_bounds),
            queue: Queue::new(config.queue_settlements_max, config.queue_bytes_max),
            counters: Counters::default(),
            logs: LogGates::default(),
            suspect: Mutex::default(),
            wake: Notify::new(),
            clock,
            config,
        })
    }

    /// Asks the store no more until it answers a probe: somebody knows that it is not there.
    pub fn distrust(&self, error: &StoreError) {
        self.breaker.open(&error.to_string());
        self.wake.notify_one();
    }
}

impl Store for Ledger {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.admit(request, Admission::Hold))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.admit(request, Admission::Raise))
    }

    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        Box::pin(self.renew_hold(receipt))
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.settle_now(settlement))
    }

    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        Box::pin(self.spend_now(spends))
    }

    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        Box::pin(async move {
            let state = self.query(self.store.grant(account, amount)).await?;
            self.denied.forget(account);
            Ok(state)
        })
    }

    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        Box::pin(async move {
            let state = self.query(self.store.reset(account)).await?;
            self.denied.forget(account);
            Ok(state)
        })
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        Box::pin(self.query(self.store.list(request)))
    }

    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.query(self.store.states(accounts)))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("config", &self.config)
            .field("breaker", &self.breaker.state())
            .finish_non_exhaustive()
    }
}
