//! Settlements that wait for the store: bounded in number and bytes, in the order in which they
//! came. One stays here until the store has accepted it.

use std::{collections::BTreeMap, mem::size_of, sync::Arc};

use parking_lot::Mutex;
use tollgate_budget::{ReceiptEntry, Settlement};

/// Bytes of a place in the queue beside the settlement itself.
const OVERHEAD_BYTES: usize = 64;

pub(crate) struct Queue {
    settlements_max: usize,
    bytes_max: usize,
    waiting: Mutex<Waiting>,
}

/// A settlement in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    /// Its place: lower is delivered first.
    pub(crate) place: u64,
    pub(crate) settlement: Arc<Settlement>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    bytes: usize,
    by_place: BTreeMap<u64, Arc<Settlement>>,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new(settlements_max: usize, bytes_max: usize) -> Self {
        Self {
            settlements_max,
            bytes_max,
            waiting: Mutex::default(),
        }
    }

    /// Appends a settlement; gives it back where the queue is full.
    pub(crate) fn push(&self, settlement: Settlement) -> Result<(), Settlement> {
        self.push_within(settlement, self.settlements_max, self.bytes_max)
    }

    /// Appends a release. It may take only half of the queue: without it a hold lasts until it
    /// expires, but a charge that finds no place is lost.
    pub(crate) fn push_release(&self, settlement: Settlement) -> Result<(), Settlement> {
        self.push_within(settlement, self.settlements_max / 2, self.bytes_max / 2)
    }

    fn push_within(
        &self,
        settlement: Settlement,
        settlements_max: usize,
        bytes_max: usize,
    ) -> Result<(), Settlement> {
        let bytes = bytes_of(&settlement);
        let mut waiting = self.waiting.lock();
        if waiting.by_place.len() >= settlements_max
            || waiting.bytes.saturating_add(bytes) > bytes_max
        {
            return Err(settlement);
        }
        waiting.append(Arc::new(settlement), bytes);
        Ok(())
    }

    /// The first `count` settlements; they stay.
    pub(crate) fn first(&self, count: usize) -> Vec<Queued> {
        let waiting = self.waiting.lock();
        waiting
            .by_place
            .iter()
            .take(count)
            .map(|(place, settlement)| Queued {
                place: *place,
                settlement: Arc::clone(settlement),
            })
            .collect()
    }

    /// Removes a settlement; false where somebody else did.
    pub(crate) fn remove(&self, queued: &Queued) -> bool {
        self.waiting.lock().take(queued.place).is_some()
    }

    /// Moves a settlement to the end.
    pub(crate) fn postpone(&self, queued: &Queued) {
        let mut waiting = self.waiting.lock();
        if let Some(settlement) = waiting.take(queued.place) {
            let bytes = bytes_of(&settlement);
            waiting.append(settlement, bytes);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().by_place.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.waiting.lock().bytes
    }
}

// === impl Waiting ===

impl Waiting {
    fn append(&mut self, settlement: Arc<Settlement>, bytes: usize) {
        self.by_place.insert(self.next, settlement);
        self.next += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, place: u64) -> Option<Arc<Settlement>> {
        let settlement = self.by_place.remove(&place)?;
        self.bytes = self.bytes.saturating_sub(bytes_of(&settlement));
        Some(settlement)
    }
}

/// What a settlement takes, names included though others may share them.
fn bytes_of(settlement: &Settlement) -> usize {
    let names = |entry: &ReceiptEntry| {
        entry.account.budget.len() + entry.account.subject.len() + entry.account.time_zone.len()
    };
    let entries = &settlement.receipt.entries;
    OVERHEAD_BYTES
        + size_of::<Settlement>()
        + settlement.charges.len() * size_of::<u64>()
        + entries
            .iter()
            .map(|entry| size_of::<ReceiptEntry>() + names(entry))
            .sum::<usize>()
}
