//! From watches to snapshots: every kind that is served is followed, and what changes becomes a
//! new [`World`](tollgate_translate::World).
//!
//! One task for each kind (and namespace) reads objects; one task keeps the [`Index`]; a
//! supervisor starts and stops the former as kinds come and go.

mod backoff;
mod broken;
mod discovery;
mod follow;
mod index;
mod kind_watch;
mod raw;
mod read;
mod scope;
mod stored;
mod supervisor;

pub(crate) use backoff::Backoff;
pub use broken::BrokenObject;
pub use follow::{Snapshot, Snapshots, WatchOptions, WatchesEnded};
pub(crate) use raw::Raw;
pub use scope::{Scope, Selector, SelectorError};
pub(crate) use stored::{Stored, StoredObjects};

use tollgate_crds::{KINDS, Kind};

/// One watch: a kind, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchId {
    /// Place in [`KINDS`].
    pub(crate) kind: usize,
    /// `None` is all of them, or a kind without.
    pub(crate) namespace: Option<String>,
}

// === impl WatchId ===

impl WatchId {
    /// The kind; `None` for a place that is not in the table.
    pub(crate) fn kind(&self) -> Option<&'static Kind> {
        KINDS.get(self.kind)
    }

    /// The kind in metrics and in the log: `HTTPRoute.gateway.networking.k8s.io`.
    pub(crate) fn label(&self) -> String {
        match self.kind() {
            Some(kind) if kind.group.is_empty() => kind.kind.to_string(),
            Some(kind) => format!("{}.{}", kind.kind, kind.group),
            None => String::new(),
        }
    }
}
