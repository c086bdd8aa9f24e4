//! The holds of each engine that are live: what an engine that dies leaves unsettled.
//!
//! What its calls have used nobody will ever tell. Their holds are let go at once, as they would be
//! when they expire, and nothing is charged: a process that dies leaves no phantom spend.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tollgate_budget::{HoldId, HoldReceipt, Settlement, Store};

/// How long an engine may be away before it is taken for dead.
const GRACE: Duration = Duration::from_millis(500);

pub(super) struct Sessions {
    store: Arc<dyn Store>,
    of: Mutex<HashMap<u128, Session>>,
}

#[derive(Default)]
struct Session {
    /// Connections that it had; those that ended do not speak for it.
    connections: u64,
    is_connected: bool,
    holds: BTreeMap<HoldId, HoldReceipt>,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            of: Mutex::default(),
        }
    }

    /// The engine of this session has connected; which of its connections this is.
    pub(super) fn begin(&self, session: u128) -> u64 {
        let mut of = self.of.lock();
        let session = of.entry(session).or_default();
        session.connections += 1;
        session.is_connected = true;
        session.connections
    }

    pub(super) fn granted(&self, session: u128, receipt: &HoldReceipt) {
        if let Some(session) = self.of.lock().get_mut(&session) {
            session.holds.insert(receipt.id, receipt.clone());
        }
    }

    /// A hold is about to be settled; its receipt, if it was granted here and is not settled yet.
    pub(super) fn settled(&self, session: u128, hold: HoldId) -> Option<HoldReceipt> {
        let mut of = self.of.lock();
        of.get_mut(&session)?.holds.remove(&hold)
    }

    /// A connection ended. If the engine does not come back, its holds are let go.
    pub(super) async fn end(&self, session: u128, connection: u64) {
        let is_last = |of: &mut HashMap<u128, Session>| {
            let of = of.get_mut(&session);
            of.is_some_and(|it| it.connections == connection)
        };
        {
            let mut of = self.of.lock();
            if !is_last(&mut of) {
                return;
            }
            if let Some(session) = of.get_mut(&session) {
                session.is_connected = false;
            }
        }
        tokio::time::sleep(GRACE).await;
        let dead = {
            let mut of = self.of.lock();
            is_last(&mut of).then(|| of.remove(&session)).flatten()
        };
        if let Some(dead) = dead {
            self.release(dead).await;
        }
    }

    /// Nothing comes any more: lets go what is left of the engines that are gone.
    pub(super) async fn release_all(&self) {
        let gone: Vec<Session> = {
            let mut of = self.of.lock();
            let (kept, gone) = of.drain().partition(|(_, it)| it.is_connected);
            *of = kept;
            let gone: HashMap<u128, Session> = gone;
            gone.into_values().collect()
        };
        for session in gone {
            self.release(session).await;
        }
    }

    async fn release(&self, session: Session) {
        let holds = session.holds;
        if holds.is_empty() {
            return;
        }
        tracing::warn!(
            calls = holds.len(),
            "the engine ended with calls in flight; what was held for them is free, and they are not charged"
        );
        for (_, receipt) in holds {
            let hold = receipt.id;
            let settlement = Settlement {
                charges: vec![0; receipt.entries.len()],
                receipt,
            };
            if let Err(error) = self.store.settle(&settlement).await {
                tracing::warn!(%error, ?hold, "a hold of the engine that ended is free only when it expires");
            }
        }
    }
}
