//! Work that a filter hands to the engine's thread, and what comes back.
//!
//! A filter is destroyed whenever Envoy likes. What is under way then runs to its end, and what it
//! brings is dropped: a call in it is settled by its own drop.

use std::{future::Future, sync::Arc};

use parking_lot::Mutex;
use tollgate_host::{Call, Rest};
use tollgate_llm::BodyChange;

use crate::abi::{Scheduler, Stream};
use crate::engine::Engine;

/// What a filter's work came to.
pub(crate) enum Outcome {
    /// A request; the filter on the way to an endpoint has no call of its own.
    Request(Option<Call>, Rest),
    /// The head of an answer without a body: the call is over.
    Ended(Call),
    /// A piece of an answer's body; whether it was the last.
    Piece(Call, BodyChange, bool),
    /// The work has panicked.
    Failed,
}

/// A filter's end of its work.
pub(crate) struct Work {
    slot: Arc<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    /// The filter is destroyed: nobody may be woken any more.
    is_abandoned: bool,
    outcome: Option<Outcome>,
}

/// The engine's end: brings the outcome, whatever happens.
struct Delivery {
    slot: Arc<Mutex<Slot>>,
    scheduler: Scheduler,
    outcome: Option<Outcome>,
}

// === impl Work ===

impl Work {
    pub(crate) fn new() -> Self {
        Self {
            slot: Arc::default(),
        }
    }

    /// Has this run on the engine's thread; the filter's `on_scheduled` is called when it is done.
    pub(crate) fn start(
        &self,
        engine: &Engine,
        stream: &Stream<'_>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let delivery = Delivery {
            slot: Arc::clone(&self.slot),
            scheduler: stream.scheduler(),
            outcome: None,
        };
        engine.runtime.spawn(async move {
            let outcome = work.await;
            delivery.bring(outcome);
        });
    }

    /// What the work came to.
    pub(crate) fn take(&self) -> Option<Outcome> {
        self.slot.lock().outcome.take()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What is in it is dropped after the lock is let go: a call's end may take a while.
        let outcome = {
            let mut slot = self.slot.lock();
            slot.is_abandoned = true;
            slot.outcome.take()
        };
        drop(outcome);
    }
}

// === impl Delivery ===

impl Delivery {
    fn bring(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or(Outcome::Failed);
        let mut slot = self.slot.lock();
        if slot.is_abandoned {
            drop(slot);
            drop(outcome);
            return;
        }
        slot.outcome = Some(outcome);
        // Under the lock: the filter cannot be destroyed meanwhile.
        self.scheduler.wake();
    }
}
