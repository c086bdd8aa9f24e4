//! What a filter waits for: work that is polled on the stream's own thread, whenever Envoy's
//! scheduler wakes the filter. Nobody else runs it, so that an answer of the ledger wakes one
//! thread, the stream's.
//!
//! A filter is destroyed whenever Envoy likes. What is under way then runs to its end on the
//! engine's thread, and what it brings is dropped: a call in it is settled by its own drop.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tollgate_host::{Call, Rest};
use tollgate_llm::BodyChange;

use crate::{
    abi::{Scheduler, Stream},
    engine::Engine,
};

/// Event of a filter whose work may go on.
const GO_ON: u64 = 0;

/// What a filter's work came to.
pub(crate) enum Outcome {
    /// A request; the filter on the way to an endpoint has no call of its own.
    Request(Option<Call>, Rest),
    /// The head of an answer without a body: the call is over.
    Ended(Call),
    /// A piece of an answer's body; whether it was the last.
    Piece(Call, BodyChange, bool),
    /// A part of it has panicked, elsewhere.
    Failed,
}

/// A filter's work: at most one piece at a time.
pub(crate) struct Work {
    runtime: Handle,
    alarm: Option<Arc<Alarm>>,
    under_way: Option<Running>,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Wakes the filter, from any thread, as long as it lives.
struct Alarm {
    scheduler: Mutex<Option<Scheduler>>,
}

// === impl Work ===

impl Work {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self {
            runtime: engine.runtime.clone(),
            alarm: None,
            under_way: None,
        }
    }

    /// Begins work. What it comes to if that is known at once; else the filter's `on_scheduled` is
    /// called when it may go on.
    pub(crate) fn start(
        &mut self,
        stream: &Stream<'_>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Option<Outcome> {
        if self.alarm.is_none() {
            self.alarm = Some(Arc::new(Alarm {
                scheduler: Mutex::new(Some(stream.scheduler())),
            }));
        }
        self.under_way = Some(Box::pin(work));
        self.go_on()
    }

    /// What the work came to; `None` while it waits, or where there is none.
    pub(crate) fn go_on(&mut self) -> Option<Outcome> {
        let mut running = self.under_way.take()?;
        let waker = Waker::from(Arc::clone(self.alarm.as_ref()?));
        // It may hand work to threads that may wait.
        let _entered = self.runtime.enter();
        match running.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                self.under_way = Some(running);
                None
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            alarm.scheduler.lock().take();
        }
        if let Some(running) = self.under_way.take() {
            self.runtime.spawn(async move { drop(running.await) });
        }
    }
}

// === impl Alarm ===

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Under the lock: the filter cannot be destroyed meanwhile.
        if let Some(scheduler) = &*self.scheduler.lock() {
            scheduler.wake(GO_ON);
        }
    }
}
