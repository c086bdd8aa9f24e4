//! The memory store against the checks of every store, its own bounds, threads and a model.

mod bounds;
mod faults;
mod model;
mod threads;
mod ticking;
mod totals;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tollgate_bundle::WindowKind;

use super::*;
use crate::{
    Charge, HoldId,
    conformance::{Rig, TestClock},
};

crate::conformance_tests!(run);

fn run(check: impl AsyncFnOnce(&Rig<'_>)) {
    let time = Time::default();
    drive(&time, &time.store(Bounds::default()), check);
}

/// Drives a check to its end: the memory store never waits.
fn drive<T>(clock: &dyn TestClock, store: &dyn Store, check: impl AsyncFnOnce(&Rig<'_>) -> T) -> T {
    let rig = Rig {
        store,
        clock,
        hold_lifetime_ms: Bounds::default().hold_lifetime_ms,
        run: 1,
    };
    let mut check = pin!(check(&rig));
    match check.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store never waits"),
    }
}

/// A clock that stands still until it is moved; 2026-03-10T12:00:00Z at first.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Default for Time {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_773_144_000_000)))
    }
}

impl Time {
    fn store(&self, bounds: Bounds) -> MemoryStore {
        let time = self.clone();
        MemoryStore::new(Clock::new(move || time.0.load(Ordering::Relaxed)), bounds)
    }

    fn step(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl TestClock for Time {
    fn advance(&self, ms: u64) {
        self.step(i64::try_from(ms).expect("a test advances by less"));
    }
}

fn account(window: WindowKind, subject: &str, limit: u64) -> Account {
    Account {
        budget: Arc::from("default/budget"),
        subject: Arc::from(subject),
        window,
        time_zone: Arc::from("UTC"),
        limit,
    }
}

fn ask(id: u128, account: &Account, fixed: u64) -> HoldRequest {
    HoldRequest {
        id: HoldId(id),
        charges: vec![Charge {
            account: account.clone(),
            fixed,
            per_output: 0,
            enforce: true,
            on_failure: tollgate_bundle::OnStoreFailure::Closed,
        }],
        output_want: 0,
        output_min: 0,
    }
}

fn grant(store: &MemoryStore, request: &HoldRequest) -> HoldReceipt {
    match store.hold_now(request) {
        Ok(HoldOutcome::Granted(receipt)) => receipt,
        other => panic!("granted expected: {other:?}"),
    }
}

fn settle(store: &MemoryStore, receipt: &HoldReceipt, charge: u64) -> AccountState {
    let settlement = Settlement {
        receipt: receipt.clone(),
        charges: vec![charge],
    };
    store
        .settle_now(&settlement)
        .expect("there is room")
        .remove(0)
}
