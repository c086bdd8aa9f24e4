//! Values that the tests share.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tollgate_budget::{
    Account, Charge, Clock, HoldId, HoldOutcome, HoldReceipt, HoldRequest, Settlement, Store,
    StoreError, conformance::TestClock,
};
use tollgate_bundle::{OnStoreFailure, WindowKind};
use tollgate_redis::{RedisOptions, RedisStore};

/// A clock that stands still until it is moved; 2026-03-10T12:00:00Z at first.
#[derive(Clone)]
pub(crate) struct Time(pub(crate) Arc<AtomicI64>);

impl Default for Time {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_773_144_000_000)))
    }
}

impl Time {
    pub(crate) fn options(&self) -> RedisOptions {
        let time = self.clone();
        RedisOptions {
            test_clock: Some(Clock::new(move || time.0.load(Ordering::Relaxed))),
            ..patient()
        }
    }
}

impl TestClock for Time {
    fn advance(&self, ms: u64) {
        let ms = i64::try_from(ms).expect("a test advances by less");
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// For a machine that does much else at the same time.
pub(crate) fn patient() -> RedisOptions {
    RedisOptions {
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
        ..RedisOptions::default()
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

pub(crate) async fn connected(url: &str, options: RedisOptions) -> RedisStore {
    let store = RedisStore::connect(url, options).expect("a url");
    store.ready().await.expect("connected");
    store
}

pub(crate) fn account(window: WindowKind, subject: &str, limit: u64) -> Account {
    Account {
        budget: Arc::from("default/daily"),
        subject: Arc::from(subject),
        window,
        time_zone: Arc::from("UTC"),
        limit,
    }
}

pub(crate) fn ask(id: u128, accounts: &[&Account], fixed: u64) -> HoldRequest {
    let charges = accounts.iter().map(|account| Charge {
        account: (*account).clone(),
        fixed,
        per_output: 0,
        enforce: true,
        on_failure: OnStoreFailure::Closed,
    });
    HoldRequest {
        id: HoldId(id),
        charges: charges.collect(),
        output_want: 0,
        output_min: 0,
    }
}

pub(crate) async fn granted(store: &RedisStore, request: &HoldRequest) -> HoldReceipt {
    match store.hold(request).await {
        Ok(HoldOutcome::Granted(receipt)) => receipt,
        other => panic!("granted expected: {other:?}"),
    }
}

pub(crate) async fn settle(store: &RedisStore, receipt: &HoldReceipt, charge: u64) {
    let settlement = Settlement {
        receipt: receipt.clone(),
        charges: vec![charge; receipt.entries.len()],
    };
    store.settle(&settlement).await.expect("settled");
}

/// Settled and held.
pub(crate) async fn standing(store: &RedisStore, account: &Account) -> (u64, u64) {
    let states = store.states(std::slice::from_ref(account)).await;
    let state = &states.expect("the store answers")[0];
    (state.settled, state.held)
}

/// Repeats until the store answers, within ten seconds.
pub(crate) async fn until_answered<T>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let begun = std::time::Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
