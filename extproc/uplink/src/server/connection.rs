//! One connection of an engine.

use std::{
    borrow::Cow,
    future::{Future, poll_fn},
    io,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::{net::UnixStream, sync::Notify, time::Instant};
use tollgate_budget::Settlement;
use tollgate_bundle::Bundle;

use super::Shared;
use crate::{
    change::Change,
    frame::{self, FrameError},
    socket::{Inbox, Socket},
    wire::{self, Answer, Down, Failure, Op, Up},
};

/// Bytes that may wait to be written before no more is read.
const OUT_BYTES_MAX: usize = 64 << 20;
/// Longest time for which the acknowledgement of a settlement waits for something to go with.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(20);
/// Most acknowledgements that wait for something to go with.
const ACKNOWLEDGED_MAX: usize = 256;

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("it does not begin with a hello")]
    NoHello,
    #[error("a bundle cannot be written: {0}")]
    Bundle(#[from] serde_json::Error),
}

/// What is to be written; tasks that answer later append to it too.
#[derive(Default)]
struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
    is_over: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    bytes: BytesMut,
    /// Settlements that are in the ledger, to be acknowledged.
    settled: Vec<u64>,
}

struct Connection<'a> {
    shared: &'a Arc<Shared>,
    number: u64,
    /// Of the engine, and which of its connections this is.
    session: Option<(u128, u64)>,
    out: Arc<Outbox>,
    /// The bundle that was sent last, and its number.
    sent: (u64, Option<Arc<Bundle>>),
}

/// Serves a connection to its end.
pub(super) async fn run(shared: &Arc<Shared>, number: u64, stream: UnixStream) {
    let mut connection = Connection {
        shared,
        number,
        session: None,
        out: Arc::default(),
        sent: (0, None),
    };
    if let Err(error) = connection.serve(stream).await {
        tracing::warn!(%error, "an uplink of the engine ended");
    }
    connection.out.is_over.store(true, Ordering::Release);
    shared.disconnected(number);
    if let Some((session, connection)) = connection.session {
        shared.sessions.end(session, connection).await;
    }
}

// === impl Connection ===

impl Connection<'_> {
    async fn serve(&mut self, stream: UnixStream) -> Result<(), Ended> {
        let socket = Socket::new(stream)?;
        let (mut inbox, mut out) = (Inbox::default(), BytesMut::new());
        let mut bundles = self.shared.parts.bundles.clone();
        bundles.mark_changed();
        let acknowledge_at = tokio::time::sleep(ACKNOWLEDGED_WITHIN);
        tokio::pin!(acknowledge_at);
        let mut owed = false;
        loop {
            let is_full = !self.write(&socket, &mut out)?;
            let (waiting, owes) = self.out.waits();
            if owes && !owed {
                acknowledge_at
                    .as_mut()
                    .reset(Instant::now() + ACKNOWLEDGED_WITHIN);
            }
            owed = owes;
            tokio::select! {
                room = socket.room(), if is_full => room?,
                read = socket.read(&mut inbox), if out.len() + waiting < OUT_BYTES_MAX => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(message) = frame::next::<Up<'static>>(&mut inbox.bytes)? {
                        self.hear(message).await?;
                    }
                }
                () = &mut acknowledge_at, if owes => self.out.acknowledge(&mut out)?,
                changed = bundles.changed(), if self.session.is_some() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let bundle = Arc::clone(&bundles.borrow_and_update());
                    self.send_bundle(bundle)?;
                }
                () = self.out.wake.notified(), if !is_full => {}
            }
        }
    }

    /// Writes as much as the socket takes now; whether that is all that waits.
    fn write(&self, socket: &Socket, out: &mut BytesMut) -> Result<bool, Ended> {
        loop {
            if out.is_empty() {
                self.out.take(out)?;
            }
            if out.is_empty() {
                return Ok(true);
            }
            match socket.write(out) {
                Ok(count) => out.advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn hear(&mut self, message: Up<'static>) -> Result<(), Ended> {
        let Some((session, _)) = self.session else {
            let Up::Hello { session } = message else {
                return Err(Ended::NoHello);
            };
            let connection = self.shared.sessions.begin(session);
            if connection == 1 {
                self.shared.engine_is_new();
            }
            self.session = Some((session, connection));
            return Ok(());
        };
        match message {
            Up::Hello { .. } => return Err(Ended::NoHello),
            Up::Served { bundle } => self.is_served(bundle),
            Up::Ask { number, op } => self.answer(session, number, op).await?,
            Up::Calls(calls) => {
                for call in calls {
                    let told = &self.shared.parts.told;
                    told.call(call.record, call.times, call.request_id);
                }
            }
            Up::Figures(figures) => self.shared.figures(figures),
        }
        Ok(())
    }

    /// Answers at once if the ledger does; else a task does when it has.
    async fn answer(&self, session: u128, number: u64, op: Op<'static>) -> Result<(), Ended> {
        let sessions = &self.shared.sessions;
        let (op, is_settlement) = match op {
            Op::Charge {
                hold,
                fingerprint,
                charges,
            } => {
                let receipt = sessions.settled(session, hold);
                let meant = receipt.filter(|it| wire::fingerprint(it) == fingerprint);
                let Some(receipt) = meant else {
                    return Ok(self.out.say(&Down::Unknown { number })?);
                };
                let charges = charges.into_owned();
                let settlement = Settlement { receipt, charges };
                (Op::Settle(Cow::Owned(settlement)), true)
            }
            Op::Settle(settlement) => {
                // It may be settled here, on an earlier connection.
                let _ = sessions.settled(session, settlement.receipt.id);
                (Op::Settle(settlement), true)
            }
            op => (op, false),
        };
        let shared = Arc::clone(self.shared);
        let mut asking = Box::pin(async move {
            let answer = op.run(shared.parts.store.as_ref()).await;
            if let Some(receipt) = answer.as_ref().ok().and_then(Answer::granted) {
                shared.sessions.granted(session, receipt);
            }
            answer.map(|answer| answer.shortened(op.request()))
        });
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx))).await {
            return Ok(self.out.answer(number, answer, is_settlement)?);
        }
        let out = Arc::clone(&self.out);
        tokio::spawn(async move {
            let answer = asking.await;
            out.answer_later(number, answer, is_settlement);
        });
        Ok(())
    }

    fn send_bundle(&mut self, bundle: Arc<Bundle>) -> Result<(), Ended> {
        let (last, before) = &self.sent;
        let number = last + 1;
        let message = match before {
            None => Down::Bundle {
                number,
                json: tollgate_secret::exposed(|| serde_json::to_vec(&*bundle))?,
            },
            Some(before) => {
                let change = Change::between(before, &bundle);
                let json = tollgate_secret::exposed(|| serde_json::to_vec(&change))?;
                Down::Change { number, json }
            }
        };
        self.sent = (number, Some(bundle));
        Ok(self.out.say(&message)?)
    }

    fn is_served(&self, number: u64) {
        let (sent, bundle) = &self.sent;
        if *sent == number && self.shared.is_newest(self.number) {
            self.shared.parts.served.send_replace(bundle.clone());
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// How many bytes wait, and whether there is something to acknowledge.
    fn waits(&self) -> (usize, bool) {
        let waiting = self.waiting.lock();
        (waiting.bytes.len(), !waiting.settled.is_empty())
    }

    /// Moves what is to be written into `out`, which is empty; acknowledgements go with it.
    fn take(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        let mut waiting = self.waiting.lock();
        if waiting.bytes.is_empty() && waiting.settled.len() < ACKNOWLEDGED_MAX {
            return Ok(());
        }
        std::mem::swap(out, &mut waiting.bytes);
        waiting.acknowledge(out)
    }

    fn acknowledge(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        self.waiting.lock().acknowledge(out)
    }

    fn say(&self, message: &Down) -> Result<(), FrameError> {
        frame::encode(message, &mut self.waiting.lock().bytes)
    }

    fn answer(
        &self,
        number: u64,
        answer: Result<Answer, Failure>,
        is_settlement: bool,
    ) -> Result<(), FrameError> {
        if is_settlement && answer.is_ok() {
            self.waiting.lock().settled.push(number);
            return Ok(());
        }
        self.say(&Down::Answer { number, answer })
    }

    fn answer_later(&self, number: u64, answer: Result<Answer, Failure>, is_settlement: bool) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.answer(number, answer, is_settlement) {
            tracing::error!(%error, "an answer of the ledger cannot be written");
        }
        self.wake.notify_one();
    }
}

// === impl Waiting ===

impl Waiting {
    fn acknowledge(&mut self, out: &mut BytesMut) -> Result<(), FrameError> {
        if self.settled.is_empty() {
            return Ok(());
        }
        frame::encode(&Down::Settled(std::mem::take(&mut self.settled)), out)
    }
}
