//! The accounts of a memory store: a slab, so that holds refer to a slot without hashing names
//! and a sweep can walk on from where it stopped.

use std::collections::HashMap;

use super::slot::{AccountKey, Slot};
use crate::{Entry, Page, Window, window};

/// Index of a slot; valid as long as the slot is pinned, and within one operation.
pub(super) type SlotId = usize;

/// Slots looked at for one page of a list.
const SCAN_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Accounts {
    by_key: HashMap<AccountKey, SlotId>,
    slots: Vec<Option<Slot>>,
    vacant: Vec<SlotId>,
    sweep_next: SlotId,
}

// === impl Accounts ===

impl Accounts {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn find(&self, key: &AccountKey) -> Option<SlotId> {
        self.by_key.get(key).copied()
    }

    pub(super) fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id)?.as_ref()
    }

    pub(super) fn slot_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(id)?.as_mut()
    }

    /// The account's slot in the present `window`, made where there is none.
    pub(super) fn open(&mut self, key: &AccountKey, window: Window) -> SlotId {
        if let Some(id) = self.find(key) {
            if let Some(slot) = self.slot_mut(id) {
                slot.enter(window);
            }
            return id;
        }
        let slot = Some(Slot::new(key.clone(), window));
        let id = match self.vacant.pop() {
            Some(id) => {
                self.slots[id] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.by_key.insert(key.clone(), id);
        id
    }

    /// Looks at the next `steps` slots and drops those that are idle.
    pub(super) fn sweep(&mut self, steps: usize, now_ms: i64) {
        for _ in 0..steps.min(self.slots.len()) {
            let id = self.sweep_next;
            self.sweep_next = (id + 1) % self.slots.len();
            if let Some(slot) = self.slots[id].take_if(|slot| slot.is_idle(now_ms)) {
                self.by_key.remove(&slot.key);
                self.vacant.push(id);
            }
        }
    }

    /// At most `size` accounts of a budget with anything on them, from the slot `first` on. The
    /// cursor is the next slot, so a page costs a bounded number of looks.
    pub(super) fn page(&self, budget: &str, first: SlotId, size: usize, now_ms: i64) -> Page {
        let end = first.saturating_add(SCAN_MAX).min(self.slots.len());
        let mut page = Page::default();
        let mut next = first;
        while next < end && page.entries.len() < size {
            let slot = self.slot(next).filter(|slot| &*slot.key.budget == budget);
            page.entries
                .extend(slot.and_then(|slot| entry_of(slot, now_ms)));
            next += 1;
        }
        page.next = (next < self.slots.len()).then(|| next.to_string());
        page
    }
}

/// None where nothing stands.
fn entry_of(slot: &Slot, now_ms: i64) -> Option<Entry> {
    let state = slot.state(0, now_ms)?;
    let anything = state.settled > 0 || state.held > 0 || state.granted > 0;
    anything.then(|| Entry {
        subject: slot.key.subject.to_string(),
        window: window::words(slot.key.window),
        time_zone: slot.key.time_zone.to_string(),
        settled: state.settled,
        held: state.held,
        granted: state.granted,
        reset_ms: state.resets_in_ms(),
    })
}
