//! The filter of the listener, as far as the request goes: who calls, what for, and what is
//! forwarded. `answer` has the way back.

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};
use tollgate_engine::{Reply, Step};
use tollgate_host::{Call, Rest};
use tollgate_llm::BodyReading;

use super::{
    Next,
    forward::{respond, set_request_headers},
    internal,
};
use crate::{
    abi::{Body, BodyStatus, HeaderKind, HeadersStatus, Stream, TrailersStatus},
    engine::Engine,
    work::{Outcome, Work},
};

/// The filter of one client call.
pub(crate) struct Entry {
    pub(super) engine: Arc<Engine>,
    pub(super) work: Work,
    /// The call, unless it is away (`is_asking`) or there is none.
    pub(super) call: Option<Call>,
    /// The work has the call.
    pub(super) is_asking: bool,
    pub(super) at: At,
    pub(super) pieces: Pieces,
}

/// Pieces of an answer that is read in pieces, while the work has the call: what comes in the two
/// seconds that the ledger may take at most.
#[derive(Default)]
pub(super) struct Pieces {
    /// What the engine is asked about.
    pub(super) asked: Bytes,
    /// What came since, as it came, and whether the last is among it.
    pub(super) later: VecDeque<Bytes>,
    pub(super) is_last: bool,
    /// What may go on.
    pub(super) ready: BytesMut,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The engine has not been asked: the route is none of its.
    Outside,
    /// The request comes in.
    Request,
    /// It was forwarded.
    Forwarded,
    /// The answer goes back.
    Answer(BodyReading),
    /// The client has its answer, or gets one that is not a provider's.
    Over,
}

/// What the engine wants of a request, as far as it can be told at once.
enum Told {
    Forwarded,
    Asking,
    Reading,
    Answered,
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self {
            work: Work::new(&engine),
            engine,
            call: None,
            is_asking: false,
            at: At::Outside,
            pieces: Pieces::default(),
        }
    }

    pub(super) fn on_request_headers(
        &mut self,
        stream: &mut Stream<'_>,
        end: bool,
    ) -> HeadersStatus {
        let Some(scope) = stream.scope() else {
            return HeadersStatus::Continue;
        };
        let headers = stream.headers(HeaderKind::Request);
        let request_id = headers.text("x-request-id").unwrap_or_default().to_string();
        let call = Call::new(Arc::clone(&self.engine.host), scope, request_id);
        let step = call.exchange().lock().on_request_head(&headers, end);
        self.at = At::Request;
        match self.take_step(stream, call, step) {
            Told::Forwarded => HeadersStatus::Continue,
            Told::Asking | Told::Reading | Told::Answered => HeadersStatus::StopIteration,
        }
    }

    pub(super) fn on_request_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        match self.at {
            At::Outside | At::Forwarded | At::Answer(_) => return BodyStatus::Continue,
            At::Request if end && !self.is_asking => {}
            At::Request | At::Over => return BodyStatus::StopIterationAndBuffer,
        }
        match self.read_request(stream) {
            Told::Forwarded => BodyStatus::Continue,
            Told::Asking | Told::Reading | Told::Answered => BodyStatus::StopIterationAndBuffer,
        }
    }

    /// Trailers end a body whose last piece did not say that it was the last.
    pub(super) fn on_request_trailers(&mut self, stream: &mut Stream<'_>) -> TrailersStatus {
        match self.at {
            At::Outside | At::Forwarded | At::Answer(_) => return TrailersStatus::Continue,
            At::Request if !self.is_asking => {}
            At::Request | At::Over => return TrailersStatus::StopIteration,
        }
        match self.read_request(stream) {
            Told::Forwarded => TrailersStatus::Continue,
            Told::Asking | Told::Reading | Told::Answered => TrailersStatus::StopIteration,
        }
    }

    /// The body is whole.
    fn read_request(&mut self, stream: &mut Stream<'_>) -> Told {
        let Some(mut call) = self.call.take() else {
            return Told::Answered;
        };
        if !call.list() {
            return self.refuse(stream, call, Reply::overloaded());
        }
        let body = stream.body(Body::Request);
        let headers = stream.headers(HeaderKind::Request);
        let now_ms = self.engine.host.now_ms();
        let step = call
            .exchange()
            .lock()
            .on_request_body(&headers, body, now_ms, rand::random());
        self.take_step(stream, call, step)
    }

    fn take_step(&mut self, stream: &mut Stream<'_>, call: Call, step: Step) -> Told {
        match step {
            Step::Forward(forward) => {
                set_request_headers(stream, &forward);
                if let Some(body) = &forward.body {
                    stream.replace_received(Body::Request, body);
                }
                stream.clear_route_cache();
                self.call = Some(call);
                self.at = At::Forwarded;
                Told::Forwarded
            }
            Step::ReadBody => {
                self.call = Some(call);
                Told::Reading
            }
            Step::Reply(reply) => self.refuse(stream, call, reply),
            step @ (Step::Count(_) | Step::Hold(_) | Step::Raise(_) | Step::States(_)) => {
                self.ask(stream, call, step)
            }
        }
    }

    fn ask(&mut self, stream: &mut Stream<'_>, call: Call, step: Step) -> Told {
        let host = Arc::clone(&self.engine.host);
        let started = self.work.start(stream, async move {
            let exchange = Arc::clone(call.exchange());
            let rest = host.drive(&exchange, step).await;
            Outcome::Request(Some(call), rest)
        });
        match started {
            None => {
                self.is_asking = true;
                Told::Asking
            }
            Some(Outcome::Request(Some(call), Rest::Forward(forward))) => {
                self.take_step(stream, call, Step::Forward(forward))
            }
            Some(Outcome::Request(Some(call), Rest::Reply(reply))) => {
                self.refuse(stream, call, reply)
            }
            Some(_) => {
                self.engine.host.told().host_failed();
                self.at = At::Over;
                respond(stream, internal());
                Told::Answered
            }
        }
    }

    /// Answers the client; the call ends with its drop.
    fn refuse(&mut self, stream: &mut Stream<'_>, call: Call, reply: Reply) -> Told {
        self.at = At::Over;
        drop(call);
        respond(stream, reply);
        Told::Answered
    }

    pub(super) fn on_scheduled(&mut self, stream: &mut Stream<'_>) -> Next {
        let Some(outcome) = self.work.go_on() else {
            return Next::Wait;
        };
        self.is_asking = false;
        match outcome {
            Outcome::Request(Some(call), rest) => self.on_request_ready(stream, call, rest),
            Outcome::Ended(call) => self.on_ended(stream, call),
            Outcome::Piece(call, change, is_last) => {
                self.on_piece_ready(stream, call, change, is_last)
            }
            Outcome::Request(None, _) | Outcome::Failed => {
                self.engine.host.told().host_failed();
                let had_answer = matches!(self.at, At::Answer(_) | At::Over);
                self.at = At::Over;
                match had_answer {
                    true => Next::Response,
                    false => Next::Reply(internal()),
                }
            }
        }
    }

    fn on_request_ready(&mut self, stream: &mut Stream<'_>, call: Call, rest: Rest) -> Next {
        // Envoy has answered by itself meanwhile; what was held is let go by the call's drop.
        if self.at != At::Request {
            return Next::Wait;
        }
        match rest {
            Rest::Forward(forward) => {
                set_request_headers(stream, &forward);
                if let Some(body) = &forward.body {
                    stream.replace_kept(Body::Request, body);
                }
                stream.clear_route_cache();
                self.call = Some(call);
                self.at = At::Forwarded;
                Next::Request
            }
            Rest::Reply(reply) => {
                self.at = At::Over;
                drop(call);
                Next::Reply(reply)
            }
            Rest::ReadBody => {
                self.at = At::Over;
                Next::Reply(internal())
            }
        }
    }
}
