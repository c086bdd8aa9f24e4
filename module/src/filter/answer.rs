//! The filter of the listener, as far as the answer goes: its head, its body whole or in pieces,
//! its end. What is unchanged stays in Envoy's buffers.

use std::sync::Arc;

use bytes::Bytes;
use tollgate_engine::{BodyStep, EndStep, RATE_LIMIT_HEADERS, ResponseHead};
use tollgate_host::{Call, Host};
use tollgate_llm::{BodyChange, BodyReading};

use super::{
    Next,
    entry::{At, Entry, Pieces},
    forward::{set_response_headers, tell_costs},
};
use crate::{
    abi::{Body, BodyStatus, HeaderKind, HeadersStatus, Stream, TrailersStatus},
    work::Outcome,
};

/// What the rate limit filters say of an answer of theirs: a limit is used up, or cannot be checked.
const RATE_LIMIT_DETAILS: [&str; 3] = [
    "request_rate_limited",
    "local_rate_limited",
    "rate_limiter_error",
];

/// What becomes of a piece.
enum Piece {
    /// It is dealt with. `Keep` is the piece as it came.
    Done(Call, BodyChange),
    /// It waits for somebody.
    Asking,
    /// A fault of our own: the answer goes on as it comes.
    Failed,
}

impl Entry {
    pub(super) fn on_response_headers(
        &mut self,
        stream: &mut Stream<'_>,
        end: bool,
    ) -> HeadersStatus {
        if self.at == At::Outside {
            return HeadersStatus::Continue;
        }
        let Some(call) = self.call.take() else {
            // Envoy answers by itself while the engine is being asked.
            self.at = At::Over;
            return HeadersStatus::Continue;
        };
        let change = {
            let mut exchange = call.exchange().lock();
            if is_rate_limit(stream) {
                exchange.on_rate_limited();
            }
            let headers = stream.headers(HeaderKind::Response);
            let rate_limits: Vec<&str> = RATE_LIMIT_HEADERS
                .into_iter()
                .filter(|name| headers.get(name).is_some())
                .collect();
            let text = |name| headers.text(name);
            let head = ResponseHead {
                status: text(":status").and_then(|it| it.parse().ok()).unwrap_or(0),
                content_type: text("content-type"),
                retry_after: text("retry-after"),
                rate_limits: &rate_limits,
                end,
            };
            exchange.on_response_head(head, self.engine.host.now_ms())
        };
        set_response_headers(stream, &change.set_headers, &change.remove_headers);
        if let Some(step) = change.end {
            if matches!(step, EndStep::Done) {
                self.pass(stream, call, true);
                return HeadersStatus::Continue;
            }
            return self.conclude_head(stream, call, step);
        }
        self.call = Some(call);
        self.at = At::Answer(change.reading);
        match change.reading {
            BodyReading::Whole => HeadersStatus::StopIteration,
            BodyReading::Pieces => {
                stream.remove_header(HeaderKind::Response, "content-length");
                HeadersStatus::Continue
            }
        }
    }

    fn conclude_head(
        &mut self,
        stream: &mut Stream<'_>,
        mut call: Call,
        step: EndStep,
    ) -> HeadersStatus {
        let started = self.work.start(stream, async move {
            call.conclude(step).await;
            Outcome::Ended(call)
        });
        match started {
            None => {
                self.at = At::Answer(BodyReading::Whole);
                self.is_asking = true;
                HeadersStatus::StopIteration
            }
            Some(Outcome::Ended(call)) => {
                self.pass(stream, call, true);
                HeadersStatus::Continue
            }
            Some(_) => {
                self.go_on_without();
                HeadersStatus::Continue
            }
        }
    }

    pub(super) fn on_ended(&mut self, stream: &mut Stream<'_>, call: Call) -> Next {
        self.pass(stream, call, true);
        Next::Response
    }

    /// A fault of our own: what comes goes on as it is.
    fn go_on_without(&mut self) {
        self.engine.host.told().host_failed();
        self.at = At::Over;
    }

    pub(super) fn on_response_body(&mut self, stream: &mut Stream<'_>, end: bool) -> BodyStatus {
        let At::Answer(reading) = self.at else {
            return BodyStatus::Continue;
        };
        if reading == BodyReading::Whole && !end {
            return BodyStatus::StopIterationAndBuffer;
        }
        let piece = match reading {
            BodyReading::Whole => stream.body(Body::Response),
            BodyReading::Pieces => stream.piece(Body::Response),
        };
        if self.is_asking {
            self.pieces.later.push_back(piece);
            self.pieces.is_last |= end;
            stream.replace_received(Body::Response, b"");
            return BodyStatus::StopIterationAndBuffer;
        }
        let Some(call) = self.call.take() else {
            return BodyStatus::Continue;
        };
        match self.read_piece(stream, call, &piece, end) {
            Piece::Done(call, change) => {
                if let BodyChange::Replace(bytes) = &change {
                    stream.replace_received(Body::Response, bytes);
                    self.tell_length(stream, bytes.len());
                }
                self.pass(stream, call, end);
                BodyStatus::Continue
            }
            Piece::Asking => {
                // A piece is held here until it is dealt with; a whole body stays with Envoy.
                if reading == BodyReading::Pieces {
                    self.pieces.asked = piece;
                    stream.replace_received(Body::Response, b"");
                }
                BodyStatus::StopIterationAndBuffer
            }
            Piece::Failed => BodyStatus::Continue,
        }
    }

    /// Trailers end a body whose last piece did not say that it was the last.
    pub(super) fn on_response_trailers(&mut self, stream: &mut Stream<'_>) -> TrailersStatus {
        let At::Answer(reading) = self.at else {
            return TrailersStatus::Continue;
        };
        if self.is_asking {
            self.pieces.is_last = true;
            return TrailersStatus::StopIteration;
        }
        let Some(call) = self.call.take() else {
            return TrailersStatus::Continue;
        };
        let piece = match reading {
            BodyReading::Whole => stream.body(Body::Response),
            BodyReading::Pieces => Bytes::new(),
        };
        match self.read_piece(stream, call, &piece, true) {
            Piece::Done(call, change) => {
                if let BodyChange::Replace(bytes) = &change {
                    stream.replace_kept(Body::Response, bytes);
                    self.tell_length(stream, bytes.len());
                }
                self.pass(stream, call, true);
                TrailersStatus::Continue
            }
            Piece::Asking => TrailersStatus::StopIteration,
            Piece::Failed => TrailersStatus::Continue,
        }
    }

    /// Shows the engine a piece, and does what it asks for. After the last the call is settled:
    /// what that says to the ledger is written at the end of the turn.
    fn read_piece(
        &mut self,
        stream: &Stream<'_>,
        mut call: Call,
        piece: &Bytes,
        end: bool,
    ) -> Piece {
        if self.engine.host.is_loading() && self.at == At::Answer(BodyReading::Pieces) {
            let work = read_apart(Arc::clone(&self.engine.host), call, piece.clone(), end);
            return self.ask_about_piece(stream, work);
        }
        let step = {
            let exchange = Arc::clone(call.exchange());
            let mut exchange = exchange.lock();
            let step = exchange.on_response_body(piece, end);
            call.note_content(&exchange);
            step
        };
        if let BodyStep::Pass {
            change,
            end: None | Some(EndStep::Done),
        } = step
        {
            return Piece::Done(call, change);
        }
        let host = Arc::clone(&self.engine.host);
        self.ask_about_piece(stream, async move { finish_piece(&host, call, step).await })
    }

    fn ask_about_piece(
        &mut self,
        stream: &Stream<'_>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Piece {
        match self.work.start(stream, work) {
            None => {
                self.is_asking = true;
                Piece::Asking
            }
            Some(Outcome::Piece(call, change, _)) => Piece::Done(call, change),
            Some(_) => {
                self.go_on_without();
                Piece::Failed
            }
        }
    }

    /// What was waited for is dealt with, and so is what came meanwhile, until there is something
    /// to wait for again.
    pub(super) fn on_piece_ready(
        &mut self,
        stream: &mut Stream<'_>,
        call: Call,
        change: BodyChange,
        is_last: bool,
    ) -> Next {
        let At::Answer(reading) = self.at else {
            return Next::Response;
        };
        if reading == BodyReading::Whole {
            if let BodyChange::Replace(bytes) = &change {
                stream.replace_kept(Body::Response, bytes);
                self.tell_length(stream, bytes.len());
            }
            self.pass(stream, call, true);
            return Next::Response;
        }
        let asked = std::mem::take(&mut self.pieces.asked);
        self.pieces.is_ready(&asked, &change);
        if is_last {
            return self.let_go(stream, call, true);
        }
        self.read_later(stream, call)
    }

    /// Shows the engine what came meanwhile, piece by piece: an answer that has to end ends at the
    /// piece that is too much.
    fn read_later(&mut self, stream: &mut Stream<'_>, mut call: Call) -> Next {
        loop {
            let next = self.pieces.later.pop_front();
            let end = self.pieces.is_last && self.pieces.later.is_empty();
            let piece = match next {
                Some(piece) => piece,
                // Trailers have ended it.
                None if end => Bytes::new(),
                None => return self.let_go(stream, call, false),
            };
            match self.read_piece(stream, call, &piece, end) {
                Piece::Done(done, change) => {
                    self.pieces.is_ready(&piece, &change);
                    if end {
                        return self.let_go(stream, done, true);
                    }
                    call = done;
                }
                Piece::Asking => {
                    self.pieces.asked = piece;
                    return Next::Wait;
                }
                Piece::Failed => {
                    self.pieces.is_ready(&piece, &BodyChange::Keep);
                    let ready = self.pieces.ready.split();
                    stream.replace_kept(Body::Response, &ready);
                    return Next::Response;
                }
            }
        }
    }

    /// What is ready goes on.
    fn let_go(&mut self, stream: &mut Stream<'_>, call: Call, is_last: bool) -> Next {
        let ready = self.pieces.ready.split();
        stream.replace_kept(Body::Response, &ready);
        self.pass(stream, call, is_last);
        Next::Response
    }

    /// The head of an answer that is read whole is still here.
    fn tell_length(&self, stream: &mut Stream<'_>, bytes: usize) {
        if self.at == At::Answer(BodyReading::Whole) {
            stream.set_header(HeaderKind::Response, "content-length", &bytes.to_string());
        }
    }

    /// A piece goes on; after the last the call is over.
    fn pass(&mut self, stream: &mut Stream<'_>, call: Call, is_last: bool) {
        if is_last {
            tell_costs(stream, &call.exchange().lock());
            self.at = At::Over;
        } else {
            self.call = Some(call);
        }
    }
}

// === impl Pieces ===

impl Pieces {
    fn is_ready(&mut self, piece: &Bytes, change: &BodyChange) {
        self.ready.extend_from_slice(match change {
            BodyChange::Keep => piece,
            BodyChange::Replace(bytes) => bytes,
        });
    }
}

/// Shows the engine a piece on a thread that may wait: it may count text, for which tables are
/// being built.
async fn read_apart(host: Arc<Host>, mut call: Call, piece: Bytes, end: bool) -> Outcome {
    let exchange = Arc::clone(call.exchange());
    let reading = tokio::task::spawn_blocking(move || {
        let step = exchange.lock().on_response_body(&piece, end);
        (exchange, step)
    });
    let Ok((exchange, step)) = reading.await else {
        return Outcome::Failed;
    };
    call.note_content(&exchange.lock());
    finish_piece(&host, call, step).await
}

/// Runs what a piece asks for, and settles after the last.
async fn finish_piece(host: &Host, mut call: Call, step: BodyStep) -> Outcome {
    let (change, end) = match step {
        BodyStep::Pass { change, end } => (change, end),
        step => host.drive_body(call.exchange(), step).await,
    };
    let is_last = end.is_some();
    if let Some(end) = end {
        call.conclude(end).await;
    }
    Outcome::Piece(call, change, is_last)
}

/// Whether the request never reached a provider because of a rate limit.
fn is_rate_limit(stream: &Stream<'_>) -> bool {
    stream
        .response_code_details()
        .is_some_and(|details| RATE_LIMIT_DETAILS.contains(&details))
}
