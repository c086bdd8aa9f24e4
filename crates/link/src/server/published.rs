//! What is published of a gateway: the newest content, and the steps that led to it.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use prost::bytes::Bytes;
use tollgate_ir::Gateway;

use crate::{
    ProxySettings, Snapshot, Version,
    wire::{PartsError, encode},
};

/// Steps that are kept for proxies that come back or are slow, and their bytes altogether. A proxy
/// that is further behind gets the whole.
const STEPS_MAX: usize = 32;
const STEPS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A gateway as it is published.
pub(super) struct Published {
    snapshot: Snapshot,
    /// Each one's version is the next one's base; the last one's is the snapshot's.
    steps: VecDeque<Step>,
    /// The whole, as long as somebody is being sent it.
    full: Mutex<Weak<Bytes>>,
}

/// A change as it is sent.
#[derive(Clone)]
struct Step {
    base: Version,
    encoded: Arc<Bytes>,
}

/// What a gateway becomes.
pub(super) enum Next {
    Same(Version),
    Changed(Published),
}

/// What a proxy must be sent.
pub(super) enum Updates {
    /// These, one after the other.
    Steps(Vec<Arc<Bytes>>),
    /// Everything.
    Full(Arc<Bytes>),
}

/// Why the whole cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum FullError {
    #[error("it cannot be written down: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Parts(#[from] PartsError),
}

// === impl Published ===

impl Published {
    pub(super) fn new(gateway: Arc<Gateway>, settings: ProxySettings) -> serde_json::Result<Self> {
        Ok(Self {
            snapshot: Snapshot::new(gateway, settings)?,
            steps: VecDeque::new(),
            full: Mutex::default(),
        })
    }

    pub(super) fn changed(self) -> Next {
        Next::Changed(self)
    }

    pub(super) fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// What follows this, with one step more.
    pub(super) fn next(
        &self,
        gateway: Arc<Gateway>,
        settings: ProxySettings,
    ) -> serde_json::Result<Next> {
        let Some((snapshot, update)) = self.snapshot.next(gateway, settings)? else {
            return Ok(Next::Same(self.version()));
        };
        let mut steps = match encode(&update) {
            Ok(encoded) => {
                let mut steps = self.steps.clone();
                steps.push_back(Step {
                    base: self.version(),
                    encoded: Arc::new(encoded),
                });
                steps
            }
            // Sending the whole says what is wrong.
            Err(PartsError::TooLong { .. } | PartsError::Unreadable(_)) => VecDeque::new(),
        };
        let mut bytes: usize = steps.iter().map(|it| it.encoded.len()).sum();
        // The newest stays, whatever its size: proxies that are up to date wait for it.
        while steps.len() > STEPS_MAX || (bytes > STEPS_BYTES_MAX && steps.len() > 1) {
            bytes -= steps.pop_front().map_or(0, |it| it.encoded.len());
        }
        Ok(Next::Changed(Self {
            snapshot,
            steps,
            full: Mutex::default(),
        }))
    }

    /// What leads a proxy from what it has to here.
    pub(super) fn updates_since(&self, have: Option<Version>) -> Result<Updates, FullError> {
        if have == Some(self.version()) {
            return Ok(Updates::Steps(Vec::new()));
        }
        let from = self.steps.iter().rposition(|it| Some(it.base) == have);
        if let Some(from) = from {
            let steps = self.steps.iter().skip(from);
            return Ok(Updates::Steps(steps.map(|it| it.encoded.clone()).collect()));
        }
        self.full().map(Updates::Full)
    }

    /// Many proxies may ask at once: they share the bytes.
    fn full(&self) -> Result<Arc<Bytes>, FullError> {
        let mut kept = self.full.lock();
        if let Some(full) = kept.upgrade() {
            return Ok(full);
        }
        let full = Arc::new(encode(&self.snapshot.full()?)?);
        *kept = Arc::downgrade(&full);
        Ok(full)
    }
}
