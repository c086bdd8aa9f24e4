//! Exchanges in flight, by id: where a retry's stream finds the call it belongs to.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tollgate_engine::Exchange;

/// An exchange that several streams may touch, one at a time.
pub type SharedExchange = Arc<Mutex<Exchange>>;

/// A bounded map of exchanges, sharded so that streams rarely meet at one lock.
pub(crate) struct InFlight {
    shards: [Mutex<HashMap<u128, SharedExchange>>; SHARDS],
    len: AtomicUsize,
    len_max: usize,
}

/// Counts what is under way: one for each value that [`Pending::one_more`] gave and that lives.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    all: Arc<AtomicUsize>,
    counts: bool,
}

const SHARDS: usize = 16;

// === impl InFlight ===

impl InFlight {
    pub(crate) fn new(len_max: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            len: AtomicUsize::new(0),
            len_max,
        }
    }

    /// False when the map is full: the call must be refused.
    pub(crate) fn insert(&self, id: u128, exchange: &SharedExchange) -> bool {
        if self.len.fetch_add(1, Ordering::Relaxed) >= self.len_max {
            self.len.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.shard(id).lock().insert(id, Arc::clone(exchange));
        true
    }

    pub(crate) fn find(&self, id: u128) -> Option<SharedExchange> {
        self.shard(id).lock().get(&id).cloned()
    }

    pub(crate) fn remove(&self, id: u128) {
        if self.shard(id).lock().remove(&id).is_some() {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// All exchanges at this moment.
    pub(crate) fn snapshot(&self) -> Vec<SharedExchange> {
        self.shards
            .iter()
            .flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>())
            .collect()
    }

    fn shard(&self, id: u128) -> &Mutex<HashMap<u128, SharedExchange>> {
        // Ids are random: their low bits spread evenly. The index is below SHARDS.
        let index = (id % SHARDS as u128) as usize;
        &self.shards[index]
    }
}

// === impl Pending ===

impl Pending {
    pub(crate) fn one_more(&self) -> Self {
        self.all.fetch_add(1, Ordering::AcqRel);
        Self {
            all: Arc::clone(&self.all),
            counts: true,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.load(Ordering::Acquire)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.counts {
            self.all.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
