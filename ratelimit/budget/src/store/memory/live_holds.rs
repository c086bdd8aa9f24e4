//! Holds that are recorded and neither settled nor expired.

use std::collections::{BTreeSet, HashMap};

use super::accounts::SlotId;
use crate::{HoldId, HoldReceipt, ReceiptEntry};

/// A hold as the store remembers it.
#[derive(Clone, Debug)]
pub(super) struct HoldRecord {
    pub(super) output_granted: u64,
    pub(super) entries: Vec<RecordEntry>,
}

/// A receipt's entry and the slot it pins.
#[derive(Clone, Debug)]
pub(super) struct RecordEntry {
    pub(super) receipt: ReceiptEntry,
    /// None where the calendar window of admission was over when the hold was recorded again.
    pub(super) slot: Option<SlotId>,
}

#[derive(Debug, Default)]
pub(super) struct LiveHolds {
    by_id: HashMap<HoldId, (i64, HoldRecord)>,
    // Earliest first; holds exactly the ids of `by_id`.
    by_expiry: BTreeSet<(i64, HoldId)>,
}

// === impl HoldRecord ===

impl HoldRecord {
    pub(super) fn to_receipt(&self, id: HoldId) -> HoldReceipt {
        HoldReceipt {
            id,
            output_granted: self.output_granted,
            entries: self.entries.iter().map(|e| e.receipt.clone()).collect(),
            recorded: true,
        }
    }
}

impl From<&HoldReceipt> for HoldRecord {
    /// With no slot pinned.
    fn from(receipt: &HoldReceipt) -> Self {
        Self {
            output_granted: receipt.output_granted,
            entries: receipt
                .entries
                .iter()
                .map(|entry| RecordEntry {
                    receipt: entry.clone(),
                    slot: None,
                })
                .collect(),
        }
    }
}

// === impl LiveHolds ===

impl LiveHolds {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: HoldId) -> Option<&HoldRecord> {
        self.by_id.get(&id).map(|(_, record)| record)
    }

    pub(super) fn insert(&mut self, id: HoldId, expires_ms: i64, record: HoldRecord) {
        self.by_expiry.insert((expires_ms, id));
        if let Some((before_ms, _)) = self.by_id.insert(id, (expires_ms, record))
            && before_ms != expires_ms
        {
            self.by_expiry.remove(&(before_ms, id));
        }
    }

    pub(super) fn remove(&mut self, id: HoldId) -> Option<HoldRecord> {
        let (expires_ms, record) = self.by_id.remove(&id)?;
        self.by_expiry.remove(&(expires_ms, id));
        Some(record)
    }

    /// Moves a hold's expiry; false where there is no such hold.
    pub(super) fn extend(&mut self, id: HoldId, expires_ms: i64) -> bool {
        let Some((known_ms, _)) = self.by_id.get_mut(&id) else {
            return false;
        };
        self.by_expiry.remove(&(*known_ms, id));
        self.by_expiry.insert((expires_ms, id));
        *known_ms = expires_ms;
        true
    }

    /// Takes out one hold that has expired.
    pub(super) fn pop_expired(&mut self, now_ms: i64) -> Option<HoldRecord> {
        let earliest = self.by_expiry.first()?;
        if earliest.0 > now_ms {
            return None;
        }
        let (_, id) = self.by_expiry.pop_first()?;
        self.by_id.remove(&id).map(|(_, record)| record)
    }
}
