//! What waits at the engine's end: bytes to be written, questions without an answer, records.

use std::collections::{HashMap, VecDeque};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;
use tollgate_budget::StoreError;

use crate::{
    frame::{self, FrameError},
    wire::{Answer, Call, Failure, Op, Up},
};

/// Most bytes that wait to be written.
const OUT_BYTES_MAX: usize = 64 << 20;
/// Most settlements that wait for a connection.
const KEPT_MAX: usize = 100_000;
/// Most records of calls that wait.
const RECORDS_MAX: usize = 10_000;
/// Most records in one message.
const RECORDS_PER_MESSAGE: usize = 256;

/// The outcome of a question.
pub(super) type Outcome = Result<Answer, StoreError>;

#[derive(Default)]
pub(super) struct State {
    is_connected: bool,
    out: BytesMut,
    next: u64,
    asked: HashMap<u64, Asked>,
    records: VecDeque<Call>,
    pub(super) records_dropped: u64,
    pub(super) settle_failures: u64,
    pub(super) host_failures: u64,
}

struct Asked {
    waiter: Option<oneshot::Sender<Outcome>>,
    /// The whole message, of a settlement: said again on the next connection.
    again: Option<Bytes>,
}

// === impl State ===

impl State {
    pub(super) fn say(&mut self, message: &Up<'_>) -> Result<(), FrameError> {
        frame::encode(message, &mut self.out)
    }

    /// Asks; the number, and where the answer comes.
    ///
    /// # Errors
    ///
    /// There is no connection, or too much waits already.
    pub(super) fn ask(
        &mut self,
        op: Op<'_>,
    ) -> Result<(u64, oneshot::Receiver<Outcome>), StoreError> {
        let unavailable = |why: &str| StoreError::Unavailable(why.to_string());
        let is_kept = op.ends().is_some();
        if !self.is_connected && !is_kept {
            return Err(unavailable("the uplink to the ledger is not connected"));
        }
        if self.out.len() > OUT_BYTES_MAX || self.asked.len() >= KEPT_MAX {
            return Err(unavailable("too much waits on the uplink to the ledger"));
        }
        let number = self.next;
        self.next += 1;
        let start = self.out.len();
        frame::encode(&Up::Ask { number, op }, &mut self.out)
            .map_err(|error| unavailable(&error.to_string()))?;
        let again = is_kept.then(|| Bytes::copy_from_slice(&self.out[start..]));
        let (tell, waiting) = oneshot::channel();
        let mut asked = Asked {
            waiter: Some(tell),
            again,
        };
        if !self.is_connected {
            self.out.truncate(start);
            asked.deliver_later();
        }
        self.asked.insert(number, asked);
        Ok((number, waiting))
    }

    pub(super) fn answered(&mut self, number: u64, answer: Result<Answer, Failure>) {
        let Some(asked) = self.asked.remove(&number) else {
            return;
        };
        if let Some(waiter) = asked.waiter {
            // Nobody waits any more: the call is over.
            let _ = waiter.send(answer.map_err(StoreError::from));
        } else if let Err(failure) = answer {
            self.settle_failures += 1;
            tracing::error!(?failure, "a settlement that had waited was not taken");
        }
    }

    /// Nobody waits for this answer any more. A settlement stays until it is answered.
    pub(super) fn given_up(&mut self, number: u64) {
        if let Some(asked) = self.asked.get_mut(&number) {
            if asked.again.is_some() {
                asked.waiter = None;
            } else {
                self.asked.remove(&number);
            }
        }
    }

    pub(super) fn report(&mut self, call: Call) {
        if self.records.len() >= RECORDS_MAX {
            self.records.pop_front();
            self.records_dropped += 1;
        }
        self.records.push_back(call);
    }

    /// A connection is there: settlements that were not answered are said again.
    pub(super) fn connected(&mut self, hello: &Up<'_>) -> Result<(), FrameError> {
        self.out.clear();
        frame::encode(hello, &mut self.out)?;
        let mut again: Vec<(&u64, &Bytes)> = self
            .asked
            .iter()
            .filter_map(|(number, asked)| Some((number, asked.again.as_ref()?)))
            .collect();
        again.sort_unstable_by_key(|(number, _)| **number);
        for (_, message) in again {
            self.out.extend_from_slice(message);
        }
        self.is_connected = true;
        Ok(())
    }

    /// The connection is gone: whoever waits is told, and settlements are kept.
    pub(super) fn disconnected(&mut self) {
        self.is_connected = false;
        self.out.clear();
        self.asked.retain(|_, asked| {
            if asked.again.is_some() {
                asked.deliver_later();
                return true;
            }
            if let Some(waiter) = asked.waiter.take() {
                let why = "the uplink to the ledger broke".to_string();
                let _ = waiter.send(Err(StoreError::Unavailable(why)));
            }
            false
        });
    }

    /// Moves what is to be written into `out`, which is empty. Records that were taken are the
    /// writer's to count if they are lost.
    pub(super) fn take(&mut self, out: &mut BytesMut) -> u64 {
        std::mem::swap(&mut self.out, out);
        let mut taken = 0;
        while !self.records.is_empty() && out.len() < OUT_BYTES_MAX {
            let count = self.records.len().min(RECORDS_PER_MESSAGE);
            let calls: Vec<Call> = self.records.drain(..count).collect();
            taken += count as u64;
            if let Err(error) = frame::encode(&Up::Calls(calls), out) {
                self.records_dropped += count as u64;
                tracing::error!(%error, "records of calls cannot be written");
            }
        }
        taken
    }

    pub(super) fn is_idle(&self) -> bool {
        self.out.is_empty()
            && self.records.is_empty()
            && self.asked.values().all(|asked| asked.again.is_none())
    }
}

// === impl Asked ===

impl Asked {
    /// The call need not wait: it is charged when there is a connection.
    fn deliver_later(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.send(Ok(Answer::States(Vec::new())));
        }
    }
}
