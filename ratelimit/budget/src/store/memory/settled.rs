//! Settlements of late, so that one that is delivered twice is charged once.

use std::collections::{HashMap, VecDeque};

use super::live_holds::HoldRecord;
use crate::HoldId;

#[derive(Debug, Default)]
pub(super) struct SettledIds {
    by_id: HashMap<HoldId, HoldRecord>,
    oldest_first: VecDeque<(i64, HoldId)>,
}

// === impl SettledIds ===

impl SettledIds {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: HoldId) -> Option<&HoldRecord> {
        self.by_id.get(&id)
    }

    /// Remembers a settlement that is not yet remembered; forgets the oldest beyond `bound`.
    pub(super) fn remember(&mut self, id: HoldId, record: HoldRecord, now_ms: i64, bound: usize) {
        self.by_id.insert(id, record);
        self.oldest_first.push_back((now_ms, id));
        while self.oldest_first.len() > bound {
            self.forget_oldest();
        }
    }

    /// Forgets at most `steps` settlements, those made at `until_ms` or earlier.
    pub(super) fn sweep(&mut self, steps: usize, until_ms: i64) {
        for _ in 0..steps {
            match self.oldest_first.front() {
                Some((settled_ms, _)) if *settled_ms <= until_ms => self.forget_oldest(),
                _ => return,
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.oldest_first.pop_front() {
            self.by_id.remove(&id);
        }
    }
}
