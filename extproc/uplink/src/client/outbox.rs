//! What is to be written, and where: the socket of the present connection.

use std::{collections::VecDeque, io, sync::Arc};

use bytes::{Buf, BytesMut};

use crate::{
    frame::{self, FrameError},
    socket::Socket,
    wire::{Call, Up},
};

/// Most bytes that wait to be written.
const OUT_BYTES_MAX: usize = 64 << 20;
/// Most records of calls that wait for a connection.
const RECORDS_MAX: usize = 10_000;
/// Most records in one message.
const RECORDS_PER_MESSAGE: usize = 256;

/// Frames that wait for the socket.
#[derive(Default)]
pub(super) struct Outbox {
    /// `None` while there is no connection.
    socket: Option<Arc<Socket>>,
    bytes: BytesMut,
    /// Records in `bytes`: lost if the connection is.
    written_records: u64,
    /// Records that wait for a connection.
    records: VecDeque<Call>,
    records_dropped: u64,
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() > OUT_BYTES_MAX
    }

    /// Whether something waits for the socket.
    pub(super) fn waits(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Whether nothing waits, for the socket or for a connection.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.records.is_empty()
    }

    pub(super) fn records_dropped(&self) -> u64 {
        self.records_dropped
    }

    /// Appends a message.
    pub(super) fn say(&mut self, message: &Up<'_>) -> Result<(), FrameError> {
        frame::encode(message, &mut self.bytes)
    }

    /// Appends a record, or keeps it for the next connection.
    pub(super) fn report(&mut self, call: Call) {
        if self.is_connected() && !self.is_full() {
            self.say_records(vec![call]);
            return;
        }
        if self.records.len() >= RECORDS_MAX {
            self.records.pop_front();
            self.records_dropped += 1;
        }
        self.records.push_back(call);
    }

    fn say_records(&mut self, calls: Vec<Call>) {
        let count = calls.len() as u64;
        match self.say(&Up::Calls(calls)) {
            Ok(()) => self.written_records += count,
            Err(error) => {
                self.records_dropped += count;
                tracing::error!(%error, "records of calls cannot be written");
            }
        }
    }

    /// A connection is there. Nothing is left of the last one.
    pub(super) fn connected(&mut self, socket: Arc<Socket>) {
        self.disconnected();
        self.socket = Some(socket);
    }

    /// Appends the records that have waited for a connection.
    pub(super) fn say_kept_records(&mut self) {
        while !self.records.is_empty() {
            let count = self.records.len().min(RECORDS_PER_MESSAGE);
            let calls = self.records.drain(..count).collect();
            self.say_records(calls);
        }
    }

    /// The connection is gone, and what was to be written with it.
    pub(super) fn disconnected(&mut self) {
        self.socket = None;
        self.bytes.clear();
        self.records_dropped += std::mem::take(&mut self.written_records);
    }

    /// Writes as much as the socket takes now; whether nothing is left for later. A socket that
    /// is broken takes everything: who reads from it finds out.
    pub(super) fn write(&mut self) -> bool {
        let Some(socket) = &self.socket else {
            return true;
        };
        while !self.bytes.is_empty() {
            match socket.write(&self.bytes) {
                Ok(count) => self.bytes.advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        self.written_records = 0;
        true
    }
}
