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

    /// What may be said in this phase, so many of them at most; they are said then.
    pub(super) fn take(&mut self, phase: Phase, names_max: usize) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < names_max {
            let updated = self.updates.pop_first();
            let next = updated.or_else(|| match phase {
                Phase::Updates => None,
                Phase::Removals => self.removals.pop_first(),
            });
            match next {
                Some(name) => names.push(name),
                None => break,
            }
        }
        names
    }
}
