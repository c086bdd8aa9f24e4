//! The engine's end: a store and a listener of calls that are in another process.
//!
//! What is to be said is gathered in a buffer that one task writes, so that what many calls say at
//! a time is one system call. While there is no connection the ledger is unavailable; settlements
//! and records wait, bounded, for the next one.

mod pump;
mod state;
mod store;

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use tokio::{net::UnixStream, sync::Notify};
use tollgate_bundle::Bundle;
use tollgate_engine::CallRecord;
use tollgate_host::{CallTimes, Told};

use crate::wire::{Call, Figures, Up};
use state::State;

/// First wait before a further attempt to connect; doubles up to the other.
const RECONNECT_FIRST: Duration = Duration::from_millis(5);
const RECONNECT_MAX: Duration = Duration::from_millis(500);
/// Longest wait for an answer of the ledger. Its own deadline is far below; this one is for a
/// process that stands still.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The uplink, as the engine's process has it.
pub struct Client {
    socket: PathBuf,
    session: u128,
    state: Mutex<State>,
    wake: Notify,
    first: (Mutex<bool>, Condvar),
}

/// Who serves what comes down the uplink.
pub trait Following: Send {
    /// Serves this from now on.
    fn apply(&mut self, bundle: Bundle);

    /// How it goes.
    fn figures(&self) -> Figures;
}

// === impl Client ===

impl Client {
    /// The end of an uplink at this socket; [`Client::run`] connects it.
    pub fn new(socket: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            socket,
            session: rand::random(),
            state: Mutex::default(),
            wake: Notify::new(),
            first: Default::default(),
        })
    }

    /// Keeps the uplink connected; runs until it is dropped.
    pub async fn run(self: Arc<Self>, mut following: impl Following) {
        let mut pause = RECONNECT_FIRST;
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    pause = RECONNECT_FIRST;
                    let ended = pump::run(&self, stream, &mut following).await;
                    self.break_off();
                    tracing::warn!(why = %ended, "the uplink broke; the ledger is out of reach until it is back");
                }
                Err(error) => {
                    tracing::debug!(socket = %self.socket.display(), %error, "the uplink cannot be connected");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECONNECT_MAX);
        }
    }

    /// Blocks this thread until there is a bundle to serve, or for as long as `wait`; whether
    /// there is one.
    pub fn wait_for_bundle(&self, wait: Duration) -> bool {
        let (is_there, told) = &self.first;
        let mut is_there = is_there.lock();
        told.wait_while_for(&mut is_there, |is_there| !*is_there, wait);
        *is_there
    }

    /// Whether everything that was to be said has been said, and every settlement answered.
    pub fn is_idle(&self) -> bool {
        self.state.lock().is_idle()
    }

    /// Counters for [`Following::figures`]: records dropped, settlements lost, faults of the host.
    pub fn losses(&self) -> (u64, u64, u64) {
        let state = self.state.lock();
        (
            state.records_dropped,
            state.settle_failures,
            state.host_failures,
        )
    }

    /// The connection is gone.
    pub(crate) fn break_off(&self) {
        self.state.lock().disconnected();
    }

    fn has_bundle(&self) {
        let (is_there, told) = &self.first;
        *is_there.lock() = true;
        told.notify_all();
    }

    fn say(&self, message: &Up<'_>) {
        let said = self.state.lock().say(message);
        if let Err(error) = said {
            tracing::error!(%error, "a message for the uplink cannot be written");
        }
        self.wake.notify_one();
    }
}

impl Told for Client {
    fn call(&self, record: CallRecord, times: CallTimes, request_id: String) {
        let call = Call {
            record,
            times,
            request_id,
        };
        self.state.lock().report(call);
        self.wake.notify_one();
    }

    fn settle_failed(&self) {
        self.state.lock().settle_failures += 1;
    }

    fn host_failed(&self) {
        self.state.lock().host_failures += 1;
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
