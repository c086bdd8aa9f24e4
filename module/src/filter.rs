//! The module's two filters, one for each stream of Envoy's: that of the listener ([`Entry`]), and
//! that on the way to an endpoint ([`Attempt`]).

mod answer;
mod attempt;
mod entry;
mod forward;

use std::sync::Arc;

use tollgate_engine::Reply;

use crate::{
    abi::{BodyStatus, HeadersStatus, Stream, TrailersStatus},
    config::{AttemptConfig, ConfigError, FilterConfig},
    engine::{Engine, EngineUse},
    turn::{END_OF_TURN, Turn},
};
use attempt::Attempt;
use entry::Entry;

pub(crate) use forward::respond;

/// Makes filters, by one configuration.
pub(crate) struct FilterFactory {
    engine: EngineUse,
    attempt: Option<Arc<AttemptConfig>>,
}

/// A filter of one stream.
pub(crate) struct Filter {
    engine: Arc<Engine>,
    turn: Turn,
    part: Part,
}

enum Part {
    Entry(Box<Entry>),
    Attempt(Attempt),
    /// It has panicked: nothing goes through it any more.
    Failed,
}

/// What is to be done when a filter was woken. It may end the filter, which is let go before.
#[derive(Debug)]
pub(crate) enum Next {
    Wait,
    /// The request goes on.
    Request,
    /// The answer goes on.
    Response,
    /// The client is answered.
    Reply(Reply),
}

// === impl FilterFactory ===

impl FilterFactory {
    pub(crate) fn new(config: FilterConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            engine: EngineUse::new(config.engine)?,
            attempt: config.attempt.map(Arc::new),
        })
    }

    pub(crate) fn filter(&self) -> Filter {
        let engine: &Arc<Engine> = self.engine.engine();
        let part = match &self.attempt {
            None => Part::Entry(Box::new(Entry::new(Arc::clone(engine)))),
            Some(config) => Part::Attempt(Attempt::new(Arc::clone(engine), Arc::clone(config))),
        };
        Filter {
            engine: Arc::clone(engine),
            turn: Turn::default(),
            part,
        }
    }
}

// === impl Filter ===

impl Filter {
    pub(crate) fn on_request_headers(
        &mut self,
        stream: &mut Stream<'_>,
        end: bool,
    ) -> HeadersStatus {
        match &mut self.part {
            Part::Entry(entry) => entry.on_request_headers(stream, end),
            Part::Attempt(attempt) => attempt.on_request_headers(stream),
            Part::Failed => HeadersStatus::StopIteration,
        }
    }

    pub(crate) fn on_request_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        match &mut self.part {
            Part::Entry(entry) => entry.on_request_body(stream, end),
            Part::Attempt(attempt) => attempt.on_request_body(stream, end),
            Part::Failed => BodyStatus::StopIterationAndBuffer,
        }
    }

    pub(crate) fn on_request_trailers(&mut self, stream: &mut Stream<'_>) -> TrailersStatus {
        match &mut self.part {
            Part::Entry(entry) => entry.on_request_trailers(stream),
            Part::Attempt(_) => TrailersStatus::Continue,
            Part::Failed => TrailersStatus::StopIteration,
        }
    }

    pub(crate) fn on_response_headers(
        &mut self,
        stream: &mut Stream<'_>,
        end: bool,
    ) -> HeadersStatus {
        match &mut self.part {
            Part::Entry(entry) => entry.on_response_headers(stream, end),
            Part::Attempt(_) | Part::Failed => HeadersStatus::Continue,
        }
    }

    pub(crate) fn on_response_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        match &mut self.part {
            Part::Entry(entry) => entry.on_response_body(stream, end),
            Part::Attempt(_) | Part::Failed => BodyStatus::Continue,
        }
    }

    pub(crate) fn on_response_trailers(&mut self, stream: &mut Stream<'_>) -> TrailersStatus {
        match &mut self.part {
            Part::Entry(entry) => entry.on_response_trailers(stream),
            Part::Attempt(_) | Part::Failed => TrailersStatus::Continue,
        }
    }

    /// Envoy wakes the filter: what it waits for may be there, or the turn is over.
    pub(crate) fn on_scheduled(&mut self, stream: &mut Stream<'_>, event: u64) -> Next {
        if event == END_OF_TURN {
            self.turn.end(&self.engine.client);
            return Next::Wait;
        }
        match &mut self.part {
            Part::Entry(entry) => entry.on_scheduled(stream),
            Part::Attempt(attempt) => attempt.on_scheduled(stream),
            Part::Failed => Next::Wait,
        }
    }

    /// A hook has said something to the ledger.
    pub(crate) fn flush_later(&mut self, stream: &Stream<'_>) {
        self.turn.has_words(stream);
    }

    /// A hook has panicked: the call is settled by its drop, the client answered.
    pub(crate) fn failed(&mut self, stream: &mut Stream<'_>) {
        if matches!(self.part, Part::Failed) {
            return;
        }
        self.part = Part::Failed;
        self.engine.host.told().host_failed();
        tracing::error!("a call has failed inside the gateway, and is answered 500");
        respond(stream, internal());
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.turn.end(&self.engine.client);
    }
}

/// What is said of a fault of our own.
fn internal() -> Reply {
    Reply::internal("it could not go on with this call")
}
