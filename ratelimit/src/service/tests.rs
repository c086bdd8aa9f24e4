//! Decisions as a whole: descriptors in, statuses out, with the ledger in memory and a clock that
//! the test moves.

mod answers;
mod counters;
mod model;
mod quotas;
mod stores;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use stores::Counted;
use tollgate_budget::{Clock, MemoryStore, Store, store::memory::Bounds};
use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};

use super::{Headers, Service};
use crate::{
    telemetry::Telemetry,
    wire::{Descriptor, Entry, OK, RateLimitRequest, RateLimitResponse, UInt64Value},
};

/// 2026-03-14 12:00:00 UTC, a Saturday.
const NOON_MS: i64 = 1_773_489_600_000;

struct Rig {
    service: Arc<Service>,
    store: Arc<Counted>,
    now_ms: Arc<AtomicI64>,
}

impl Rig {
    fn new(limits: Vec<RateLimit>) -> Self {
        Self::with(Headers::Envoy, limits)
    }

    fn with(headers: Headers, limits: Vec<RateLimit>) -> Self {
        let now_ms = Arc::new(AtomicI64::new(NOON_MS));
        let time = Arc::clone(&now_ms);
        let clock = Clock::new(move || time.load(Ordering::SeqCst));
        let store = Arc::new(Counted {
            store: MemoryStore::new(clock.clone(), Bounds::default()),
            spends: AtomicUsize::new(0),
        });
        let asked = Arc::clone(&store) as Arc<dyn Store>;
        let service = Service::new(asked, clock, headers, Telemetry::default());
        service.apply(&BTreeMap::from([("d".to_string(), limits)]));
        Self {
            service,
            store,
            now_ms,
        }
    }

    fn ask(&self, descriptors: Vec<Descriptor>) -> RateLimitResponse {
        let request = RateLimitRequest {
            domain: "d".into(),
            descriptors,
            hits_addend: 0,
        };
        ready(self.service.decide(request)).unwrap()
    }

    /// Whether a request with this descriptor alone is served, and what remains then.
    fn one(&self, descriptor: Descriptor) -> (bool, u32) {
        let answer = self.ask(vec![descriptor]);
        let status = &answer.statuses[0];
        assert_eq!(answer.overall_code, status.code);
        (answer.overall_code == OK, status.limit_remaining)
    }

    fn store_calls(&self) -> usize {
        self.store.spends.load(Ordering::SeqCst)
    }

    fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

/// The ledger in memory never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the ledger in memory waits"),
    }
}

/// A limit on each value of `id`.
fn limit(id: &str, amount: u64, window: WindowKind) -> RateLimit {
    RateLimit {
        id: id.to_string(),
        entries: vec![DescriptorEntry {
            key: id.to_string(),
            value: None,
        }],
        amount,
        window,
        ..RateLimit::default()
    }
}

fn of(key: &str, value: &str) -> Descriptor {
    Descriptor {
        entries: vec![Entry {
            key: key.to_string().into(),
            value: value.to_string().into(),
        }],
        ..Descriptor::default()
    }
}

fn costs(units: u64, descriptor: Descriptor) -> Descriptor {
    Descriptor {
        hits_addend: Some(UInt64Value { value: units }),
        ..descriptor
    }
}

fn gives_back(units: u64, descriptor: Descriptor) -> Descriptor {
    Descriptor {
        is_negative_hits: true,
        ..costs(units, descriptor)
    }
}
