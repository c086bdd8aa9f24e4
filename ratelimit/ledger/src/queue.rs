//! Settlements that wait for the store: bounded in number and bytes, in the order in which they
//! came. One stays here until the store has accepted it.

use std::{
    collections::{BTreeMap, HashMap},
    mem::size_of,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tollgate_budget::{HoldId, ReceiptEntry, Settlement};

/// Bytes of a place in the queue beside the settlement itself.
const OVERHEAD_BYTES: usize = 128;

pub(crate) struct Queue {
    settlements_max: usize,
    bytes_max: usize,
    /// As `waiting` has it, to be read without the lock.
    len: AtomicUsize,
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
    places: HashMap<HoldId, u64>,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new(settlements_max: usize, bytes_max: usize) -> Self {
        Self {
            settlements_max,
            bytes_max,
            len: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Appends a settlement; gives it back where the queue is full. A second one of the same hold
    /// is left out, as the store would.
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
        if waiting.knows(&settlement) {
            return Ok(());
        }
        if waiting.by_place.len() >= settlements_max
            || waiting.bytes.saturating_add(bytes) > bytes_max
        {
            return Err(settlement);
        }
        waiting.append(Arc::new(settlement), bytes);
        self.len.store(waiting.by_place.len(), Ordering::Release);
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
        let mut waiting = self.waiting.lock();
        let taken = waiting.take(queued.place).is_some();
        self.len.store(waiting.by_place.len(), Ordering::Release);
        taken
    }

    /// Whether a settlement of this hold waits. Then another one must not overtake it: the store
    /// charges the first that it gets.
    pub(crate) fn has(&self, id: HoldId) -> bool {
        self.len() > 0 && self.waiting.lock().places.contains_key(&id)
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
        self.len.load(Ordering::Acquire)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.waiting.lock().bytes
    }
}

// === impl Waiting ===

impl Waiting {
    /// Whether a settlement of this hold waits already. A release gives way to a charge.
    fn knows(&mut self, settlement: &Settlement) -> bool {
        let Some(place) = self.places.get(&settlement.receipt.id) else {
            return false;
        };
        if let Some(known) = self.by_place.get_mut(place)
            && !charges_anything(known)
            && charges_anything(settlement)
        {
            self.bytes = self.bytes.saturating_sub(bytes_of(known)) + bytes_of(settlement);
            *known = Arc::new(settlement.clone());
        }
        true
    }

    fn append(&mut self, settlement: Arc<Settlement>, bytes: usize) {
        self.places.insert(settlement.receipt.id, self.next);
        self.by_place.insert(self.next, settlement);
        self.next += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, place: u64) -> Option<Arc<Settlement>> {
        let settlement = self.by_place.remove(&place)?;
        self.places.remove(&settlement.receipt.id);
        self.bytes = self.bytes.saturating_sub(bytes_of(&settlement));
        Some(settlement)
    }
}

/// Whether a settlement charges, or only frees its hold.
pub(crate) fn charges_anything(settlement: &Settlement) -> bool {
    let entries = settlement.receipt.entries.iter().enumerate();
    entries
        .map(|(index, entry)| settlement.charges.get(index).copied().unwrap_or(entry.held))
        .any(|charge| charge > 0)
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
