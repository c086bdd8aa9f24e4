//! The filter on the way to an endpoint: makes the request anew for each attempt that the first
//! translation was not made for (docs/adr/0002).
//!
//! "Made for" is both: the first attempt, and to an endpoint of the backend that the cluster is
//! pinned to. A backend's credential leaves only with a body made for that backend.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_bundle::{BACKEND_METADATA_KEY, BACKEND_METADATA_NAMESPACE, EXCHANGE_HEADER};
use tollgate_engine::{Forward, Reply, Step};
use tollgate_host::Rest;

use super::{
    Next,
    forward::{respond, set_request_headers},
    internal,
};
use crate::{
    abi::{Body, BodyStatus, HeaderKind, HeadersStatus, Stream},
    config::AttemptConfig,
    engine::Engine,
    work::{Outcome, Work},
};

/// Header in which Envoy counts attempts, from 1.
const ATTEMPT_HEADER: &str = "x-envoy-attempt-count";

/// The filter of one attempt.
pub(crate) struct Attempt {
    engine: Arc<Engine>,
    work: Work,
    config: Arc<AttemptConfig>,
    /// What takes the place of the body that comes.
    body: Option<Bytes>,
    is_asking: bool,
}

// === impl Attempt ===

impl Attempt {
    pub(super) fn new(engine: Arc<Engine>, config: Arc<AttemptConfig>) -> Self {
        Self {
            work: Work::new(&engine),
            engine,
            config,
            body: None,
            is_asking: false,
        }
    }

    pub(super) fn on_request_headers(&mut self, stream: &mut Stream<'_>) -> HeadersStatus {
        let picked = stream.host_metadata(BACKEND_METADATA_NAMESPACE, BACKEND_METADATA_KEY);
        let is_first = stream.header(HeaderKind::Request, ATTEMPT_HEADER) == Some(b"1");
        let is_made_for = is_first && picked == Some(&*self.config.pinned);
        let picked = picked.filter(|_| !is_made_for).map(str::to_string);
        for name in &self.config.removed_headers {
            stream.remove_header(HeaderKind::Request, name);
        }
        if is_made_for {
            return HeadersStatus::Continue;
        }
        let Some(picked) = picked else {
            respond(stream, internal());
            return HeadersStatus::StopIteration;
        };
        let exchange = stream
            .text(HeaderKind::Request, EXCHANGE_HEADER)
            .and_then(|text| u128::from_str_radix(text, 16).ok())
            .and_then(|id| self.engine.host.find(id));
        let Some(exchange) = exchange else {
            // Whatever is answered, nobody reads it.
            respond(stream, Reply::internal("the call of this attempt is over"));
            return HeadersStatus::StopIteration;
        };
        let step = exchange
            .lock()
            .on_attempt(&picked, self.engine.host.now_ms());
        let rest = match step {
            Step::Forward(forward) => Rest::Forward(forward),
            Step::Reply(reply) => Rest::Reply(reply),
            step => {
                let host = Arc::clone(&self.engine.host);
                let started = self.work.start(stream, async move {
                    Outcome::Request(None, host.drive(&exchange, step).await)
                });
                match started {
                    Some(outcome) => self.rest_of(outcome),
                    None => {
                        self.is_asking = true;
                        return HeadersStatus::StopAllIterationAndBuffer;
                    }
                }
            }
        };
        match rest {
            Rest::Forward(forward) => {
                self.forward(stream, forward);
                HeadersStatus::Continue
            }
            Rest::Reply(reply) => {
                respond(stream, reply);
                HeadersStatus::StopIteration
            }
            Rest::ReadBody => {
                respond(stream, self.failed());
                HeadersStatus::StopIteration
            }
        }
    }

    pub(super) fn on_request_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        if self.is_asking {
            return BodyStatus::StopIterationAndBuffer;
        }
        match self.body.take() {
            None => {}
            Some(body) if end => stream.replace_received(Body::Request, &body),
            Some(body) => {
                stream.replace_received(Body::Request, b"");
                self.body = Some(body);
            }
        }
        BodyStatus::Continue
    }

    pub(super) fn on_scheduled(&mut self, stream: &mut Stream<'_>) -> Next {
        let Some(outcome) = self.work.go_on() else {
            return Next::Wait;
        };
        self.is_asking = false;
        match self.rest_of(outcome) {
            Rest::Forward(forward) => {
                self.forward(stream, forward);
                Next::Request
            }
            Rest::Reply(reply) => Next::Reply(reply),
            Rest::ReadBody => Next::Reply(self.failed()),
        }
    }

    fn rest_of(&self, outcome: Outcome) -> Rest {
        match outcome {
            Outcome::Request(_, rest) => rest,
            _ => Rest::Reply(self.failed()),
        }
    }

    fn failed(&self) -> Reply {
        self.engine.host.told().host_failed();
        internal()
    }

    fn forward(&mut self, stream: &mut Stream<'_>, forward: Forward) {
        set_request_headers(stream, &forward);
        self.body = forward.body;
    }
}
