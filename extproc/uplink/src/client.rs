//! The engine's end: a store and a listener of calls that are in another process.
//!
//! Whoever says something writes it, on its own thread, without waiting: a call that asks for its
//! hold wakes nobody but the ledger. A thread with many calls may hold back what they say, and write
//! it once. What the socket does not take is left to the task that reads.
//! While there is no connection the ledger is unavailable; settlements and records wait, bounded,
//! for the next one.

mod outbox;
mod pump;
mod questions;
mod store;

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use tokio::{net::UnixStream, sync::Notify};
use tollgate_bundle::Bundle;
use tollgate_engine::CallRecord;
use tollgate_host::{CallTimes, Told};

use crate::{
    cork,
    socket::Socket,
    wire::{Call, Figures, Up},
};
use outbox::Outbox;
use questions::Questions;

/// First wait before a further attempt to connect; doubles up to the other.
const RECONNECT_FIRST: Duration = Duration::from_millis(5);
const RECONNECT_MAX: Duration = Duration::from_millis(500);

/// The uplink, as the engine's process has it.
pub struct Client {
    socket: PathBuf,
    session: u128,
    state: Mutex<State>,
    /// There is something to be written that the socket has not taken.
    blocked: Notify,
    first: (Mutex<bool>, Condvar),
}

/// Who serves what comes down the uplink.
pub trait Following: Send {
    /// Serves this from now on.
    fn apply(&mut self, bundle: &Bundle);

    /// How it goes.
    fn figures(&self) -> Figures;
}

#[derive(Default)]
struct State {
    out: Outbox,
    questions: Questions,
    settle_failures: u64,
    host_failures: u64,
}

// === impl Client ===

impl Client {
    /// The end of an uplink at this socket; [`Client::run`] connects it.
    pub fn new(socket: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            socket,
            session: rand::random(),
            state: Mutex::default(),
            blocked: Notify::new(),
            first: Default::default(),
        })
    }

    /// Keeps the uplink connected; runs until it is dropped.
    pub async fn run(self: Arc<Self>, mut following: impl Following) {
        let mut pause = RECONNECT_FIRST;
        loop {
            let connected = UnixStream::connect(&self.socket).await;
            match connected.and_then(Socket::new) {
                Ok(socket) => {
                    pause = RECONNECT_FIRST;
                    let ended = pump::run(&self, Arc::new(socket), &mut following).await;
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

    /// Whether everything that was to be said has been said, and every settlement acknowledged.
    pub fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.out.is_empty() && state.questions.has_nothing_kept()
    }

    /// Counters for [`Following::figures`]: records dropped, settlements lost, faults of the host.
    pub fn losses(&self) -> (u64, u64, u64) {
        let state = self.state.lock();
        (
            state.out.records_dropped(),
            state.settle_failures,
            state.host_failures,
        )
    }

    /// The connection is gone: whoever waits is told, and settlements are kept.
    pub(crate) fn break_off(&self) {
        let mut state = self.state.lock();
        state.out.disconnected();
        state.questions.disconnected();
    }

    fn has_bundle(&self) {
        let (is_there, told) = &self.first;
        *is_there.lock() = true;
        told.notify_all();
    }

    fn say(&self, message: &Up<'_>) {
        let mut state = self.state.lock();
        if let Err(error) = state.out.say(message) {
            tracing::error!(%error, "a message for the uplink cannot be written");
        }
        self.write(&mut state);
    }

    /// Writes what has waited for a [`Cork`](crate::Cork).
    pub fn flush(&self) {
        self.write_now(&mut self.state.lock());
    }

    /// Writes what there is, unless this thread is corked.
    fn write(&self, state: &mut State) {
        if !cork::holds() {
            self.write_now(state);
        }
    }

    /// Writes as much as the socket takes now.
    fn write_now(&self, state: &mut State) {
        if !state.out.write() {
            self.blocked.notify_one();
        }
    }
}

impl Told for Client {
    /// A settlement of the call, if there is one, was said just before: one write has both.
    fn call(&self, record: CallRecord, times: CallTimes, request_id: String) {
        let call = Call {
            record,
            times,
            request_id,
        };
        let mut state = self.state.lock();
        state.out.report(call);
        self.write(&mut state);
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
