//! The guard before a store that works is that store. Without its memory of spent accounts: what
//! that denies the store would deny too (`denied`), but it may name another account.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tollgate_budget::{
    Clock, MemoryStore, Store,
    conformance::{Rig, TestClock},
    store::memory::Bounds,
};

use super::NOON_MS;
use crate::{Ledger, LedgerConfig};

tollgate_budget::conformance_tests!(run);

struct Time(Arc<AtomicI64>);

impl TestClock for Time {
    fn advance(&self, ms: u64) {
        let ms = i64::try_from(ms).expect("a test advances by less");
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

fn run(check: impl AsyncFnOnce(&Rig<'_>)) {
    let time = Time(Arc::new(AtomicI64::new(NOON_MS)));
    let now = Arc::clone(&time.0);
    let clock = Clock::new(move || now.load(Ordering::Relaxed));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone(), Bounds::default()));
    let config = LedgerConfig {
        denied_recheck: Duration::ZERO,
        ..LedgerConfig::default()
    };
    let ledger = Ledger::new(store, config, clock);
    let rig = Rig {
        store: &*ledger,
        clock: &time,
        hold_lifetime_ms: 30_000,
        run: 1,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(pin!(check(&rig)));
}
