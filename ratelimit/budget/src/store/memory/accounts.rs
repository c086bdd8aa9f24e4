//! The accounts of a memory store: a slab, so that holds refer to a slot without hashing names
//! and a sweep can walk on from where it stopped.

use std::{collections::HashMap, sync::Arc};

use tollgate_bundle::WindowKind;

use crate::{Account, AccountState, Entry, Page, Window};

/// What two requests that share a pot have in common: all of an [`Account`] but the limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountKey {
    budget: Arc<str>,
    subject: Arc<str>,
    window: WindowKind,
    time_zone: Arc<str>,
}

/// One account in one window.
#[derive(Debug)]
pub(super) struct Slot {
    key: AccountKey,
    pub(super) window: Window,
    pub(super) settled: u64,
    pub(super) granted: u64,
    pub(super) held: u64,
    /// Live holds that refer to this slot, those of an earlier window included.
    pub(super) pins: u32,
}

/// Index of a slot; valid as long as the slot is pinned, and within one operation.
pub(super) type SlotId = usize;

#[derive(Debug, Default)]
pub(super) struct Accounts {
    by_key: HashMap<AccountKey, SlotId>,
    slots: Vec<Option<Slot>>,
    vacant: Vec<SlotId>,
    sweep_next: SlotId,
}

// === impl AccountKey ===

impl From<&Account> for AccountKey {
    fn from(account: &Account) -> Self {
        let Account {
            budget,
            subject,
            window,
            time_zone,
            limit: _,
        } = account;
        Self {
            budget: Arc::clone(budget),
            subject: Arc::clone(subject),
            window: *window,
            time_zone: Arc::clone(time_zone),
        }
    }
}

// === impl Slot ===

impl Slot {
    /// The slot as it stands at `now_ms`, under `limit`, if its window is not over.
    pub(super) fn state(&self, limit: u64, now_ms: i64) -> Option<AccountState> {
        self.window.contains(now_ms).then(|| AccountState {
            limit,
            granted: self.granted,
            settled: self.settled,
            held: self.held,
            reset_ms: self.window.reset_ms(now_ms),
        })
    }

    /// Begins `window`, if it is another than the present one: nothing used, nothing held. Holds
    /// of the window before live on, but count no more.
    pub(super) fn enter(&mut self, window: Window) {
        if self.window != window {
            self.window = window;
            self.settled = 0;
            self.granted = 0;
            self.held = 0;
        }
    }

    /// Without this slot the store would answer just the same.
    fn is_idle(&self, now_ms: i64) -> bool {
        let unused = self.settled == 0 && self.granted == 0 && self.held == 0;
        self.pins == 0 && (unused || now_ms >= self.window.end_ms)
    }
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

    /// The account's slot in `window`, made where there is none.
    pub(super) fn open(&mut self, key: &AccountKey, window: Window) -> SlotId {
        if let Some(id) = self.find(key) {
            if let Some(slot) = self.slot_mut(id) {
                slot.enter(window);
            }
            return id;
        }
        let slot = Some(Slot {
            key: key.clone(),
            window,
            settled: 0,
            granted: 0,
            held: 0,
            pins: 0,
        });
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

    /// Entries of a budget, from the slot `first` on.
    pub(super) fn page(
        &self,
        budget: &str,
        first: SlotId,
        size: usize,
        scan: usize,
        now_ms: i64,
    ) -> Page {
        let mut page = Page::default();
        let last = first.saturating_add(scan).min(self.slots.len());
        for id in first..last {
            if page.entries.len() >= size {
                page.next = Some(id.to_string());
                return page;
            }
            let Some(slot) = self.slot(id) else { continue };
            let Some(state) = slot.state(0, now_ms) else {
                continue;
            };
            if &*slot.key.budget == budget && state.settled.max(state.held).max(state.granted) > 0 {
                page.entries.push(Entry {
                    subject: slot.key.subject.to_string(),
                    window: crate::window::words(slot.key.window),
                    time_zone: slot.key.time_zone.to_string(),
                    settled: state.settled,
                    held: state.held,
                    granted: state.granted,
                    reset_ms: state.resets_in_ms(),
                });
            }
        }
        page.next = (last < self.slots.len()).then(|| last.to_string());
        page
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
}
