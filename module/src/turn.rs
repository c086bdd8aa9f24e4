//! One turn of an Envoy worker's event loop: what its calls say to the ledger in it is one write.
//!
//! A worker with many calls has several of them to go on with in each turn. The first that says
//! something has itself woken once more, which Envoy does at the end of the turn. What the turn has
//! for clients is written in the next one, but for sockets of which a write was still due.

use std::cell::Cell;

use tollgate_uplink::Client;

use crate::abi::Stream;

/// Event of a filter that is woken to flush; all others go on with its work.
pub(crate) const END_OF_TURN: u64 = 1;

thread_local! {
    /// A filter of this thread will flush.
    static IS_AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// A filter's part in it.
#[derive(Default)]
pub(crate) struct Turn {
    /// This is the filter that will flush.
    is_ours: bool,
}

// === impl Turn ===

impl Turn {
    /// Something was said: sees to it that it is written at the end of the turn.
    pub(crate) fn has_words(&mut self, stream: &Stream<'_>) {
        if !IS_AWAITED.replace(true) {
            self.is_ours = true;
            stream.scheduler().wake(END_OF_TURN);
        }
    }

    /// The turn, or the filter, is over.
    pub(crate) fn end(&mut self, client: &Client) {
        if std::mem::take(&mut self.is_ours) {
            IS_AWAITED.set(false);
            client.flush();
        }
    }
}
