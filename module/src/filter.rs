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
    config::{ConfigError, FilterConfig},
    engine::{Engine, EngineUse},
};
use attempt::Attempt;
use entry::Entry;

pub(crate) use forward::respond;

/// Makes filters, by one configuration.
pub(crate) struct FilterFactory {
    engine: EngineUse,
    pinned: Option<Arc<str>>,
}

/// A filter of one stream.
pub(crate) enum Filter {
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
            pinned: config.pinned.map(Arc::from),
        })
    }

    pub(crate) fn filter(&self) -> Filter {
        let engine: &Arc<Engine> = self.engine.engine();
        match &self.pinned {
            None => Filter::Entry(Box::new(Entry::new(Arc::clone(engine)))),
            Some(pinned) => Filter::Attempt(Attempt::new(Arc::clone(engine), Arc::clone(pinned))),
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
        match self {
            Self::Entry(entry) => entry.on_request_headers(stream, end),
            Self::Attempt(attempt) => attempt.on_request_headers(stream),
            Self::Failed => HeadersStatus::StopIteration,
        }
    }

    pub(crate) fn on_request_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        match self {
            Self::Entry(entry) => entry.on_request_body(stream, end),
            Self::Attempt(attempt) => attempt.on_request_body(stream, end),
            Self::Failed => BodyStatus::StopIterationAndBuffer,
        }
    }

    pub(crate) fn on_request_trailers(&mut self, stream: &mut Stream<'_>) -> TrailersStatus {
        match self {
            Self::Entry(entry) => entry.on_request_trailers(stream),
            Self::Attempt(_) => TrailersStatus::Continue,
            Self::Failed => TrailersStatus::StopIteration,
        }
    }

    pub(crate) fn on_response_headers(
        &mut self,
        stream: &mut Stream<'_>,
        end: bool,
    ) -> HeadersStatus {
        match self {
            Self::Entry(entry) => entry.on_response_headers(stream, end),
            Self::Attempt(_) | Self::Failed => HeadersStatus::Continue,
        }
    }

    pub(crate) fn on_response_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        match self {
            Self::Entry(entry) => entry.on_response_body(stream, end),
            Self::Attempt(_) | Self::Failed => BodyStatus::Continue,
        }
    }

    pub(crate) fn on_response_trailers(&mut self, stream: &mut Stream<'_>) -> TrailersStatus {
        match self {
            Self::Entry(entry) => entry.on_response_trailers(stream),
            Self::Attempt(_) | Self::Failed => TrailersStatus::Continue,
        }
    }

    /// What the engine's thread was asked for is there.
    pub(crate) fn on_scheduled(&mut self, stream: &mut Stream<'_>) -> Next {
        match self {
            Self::Entry(entry) => entry.on_scheduled(stream),
            Self::Attempt(attempt) => attempt.on_scheduled(stream),
            Self::Failed => Next::Wait,
        }
    }

    /// A hook has panicked: the call is settled by its drop, the client answered.
    pub(crate) fn failed(&mut self, stream: &mut Stream<'_>) {
        let engine = match self {
            Self::Entry(entry) => entry.engine(),
            Self::Attempt(attempt) => attempt.engine(),
            Self::Failed => return,
        };
        engine.host.told().host_failed();
        *self = Self::Failed;
        tracing::error!("a call has failed inside the gateway, and is answered 500");
        respond(stream, internal());
    }
}

/// What is said of a fault of our own.
fn internal() -> Reply {
    Reply::internal("it could not go on with this call")
}
