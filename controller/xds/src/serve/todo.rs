//! What is still to be said about one kind of resource on one stream, by name. Kept by `kind`, so
//! that answers of a client do not make the server compare everything again.

use std::collections::BTreeSet;

/// Which part of what is to be said may be said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// New and changed resources only.
    Updates,
    /// Removals too.
    Removals,
}

/// Names of what the client does not know yet.
#[derive(Debug, Default)]
pub(super) struct Todo {
    /// New or changed, or asked for and not there.
    pub(super) updates: BTreeSet<String>,
    /// No longer there.
    pub(super) removals: BTreeSet<String>,
}

// === impl Todo ===

impl Todo {
    pub(super) fn is_empty(&self, phase: Phase) -> bool {
        self.updates.is_empty() && (phase == Phase::Updates || self.removals.is_empty())
    }

    /// What may be said in this phase; it is said then.
    pub(super) fn take(&mut self, phase: Phase) -> BTreeSet<String> {
        let mut names = std::mem::take(&mut self.updates);
        if phase == Phase::Removals {
            names.append(&mut self.removals);
        }
        names
    }
}
