//! A memory store that is slow, silent, down or full when a test says so.

use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tollgate_budget::{
    Account, AccountState, Clock, HoldId, HoldOutcome, HoldReceipt, HoldRequest, MemoryStore, Page,
    PageRequest, Settlement, Spend, SpendOutcome, Store, StoreError, StoreFuture,
    store::memory::Bounds,
};

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Up,
    /// Answers after this long; what was asked is done at once.
    Slow(Duration),
    /// Does what is asked and never says so.
    Silent,
    /// Does nothing and never says so.
    Deaf,
    /// Says at once that it cannot.
    Down,
    /// Says that it is full.
    Full,
    /// Cannot settle this hold, and does everything else.
    Refuses(u64),
}

pub(super) struct FlakyStore {
    pub(super) inner: MemoryStore,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<(Instant, &'static str)>>,
    settled: Mutex<Vec<HoldId>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl FlakyStore {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            inner: MemoryStore::new(clock, Bounds::default()),
            mood: Mutex::new(Mood::Up),
            asked: Mutex::default(),
            settled: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        }
    }

    pub(super) fn set(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }

    /// How often it was asked anything.
    pub(super) fn asked(&self) -> usize {
        self.asked.lock().len()
    }

    /// When it was asked since.
    pub(super) fn asked_since(&self, since: Instant) -> Vec<Instant> {
        let asked = self.asked.lock();
        asked
            .iter()
            .map(|(at, _)| *at)
            .filter(|at| *at >= since)
            .collect()
    }

    /// How often it was asked this.
    pub(super) fn asked_for(&self, what: &str) -> usize {
        self.asked
            .lock()
            .iter()
            .filter(|(_, of)| *of == what)
            .count()
    }

    /// Settlements that it accepted, in order.
    pub(super) fn settled(&self) -> Vec<u128> {
        self.settled.lock().iter().map(|id| id.0).collect()
    }

    /// Most questions at one moment.
    pub(super) fn most_under_way(&self) -> usize {
        self.most_under_way.load(Ordering::Relaxed)
    }

    async fn answer<T>(
        &self,
        what: &'static str,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.asked.lock().push((Instant::now(), what));
        let under_way = UnderWay(&self.under_way);
        let now = under_way.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(now, Ordering::Relaxed);
        let mood = *self.mood.lock();
        match mood {
            Mood::Up | Mood::Refuses(_) => work(),
            Mood::Slow(pause) => {
                let answer = work();
                sleep(pause).await;
                answer
            }
            Mood::Silent => {
                let _ = work();
                pending().await
            }
            Mood::Deaf => pending().await,
            Mood::Down => Err(StoreError::Unavailable("connection refused".to_string())),
            Mood::Full => Err(StoreError::Full {
                what: "accounts",
                bound: 1,
            }),
        }
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Store for FlakyStore {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.answer("hold", || self.inner.hold_now(request)))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.answer("raise", || self.inner.raise_now(request)))
    }

    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        Box::pin(self.answer("renew", || self.inner.renew_now(receipt)))
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        let id = settlement.receipt.id;
        let refused = matches!(*self.mood.lock(), Mood::Refuses(of) if id.0 == u128::from(of));
        Box::pin(self.answer("settle", move || {
            if refused {
                return Err(StoreError::Unavailable("a script error".to_string()));
            }
            self.settled.lock().push(id);
            self.inner.settle_now(settlement)
        }))
    }

    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        Box::pin(async move {
            self.asked.lock().push((Instant::now(), "spend"));
            self.inner.spend(spends).await
        })
    }

    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        self.inner.grant(account, amount)
    }

    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        self.inner.reset(account)
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        self.inner.list(request)
    }

    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.answer("states", || Ok(self.inner.states_now(accounts))))
    }
}
