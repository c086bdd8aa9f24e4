//! One connection of an engine.

use std::{
    future::{Future, poll_fn},
    io,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    task::Poll,
};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::Notify,
};
use tollgate_bundle::Bundle;

use super::Shared;
use crate::{
    frame::{self, FrameError},
    wire::{Answer, Down, Failure, Op, Up},
};

/// Bytes that may wait to be written before no more is read.
const OUT_BYTES_MAX: usize = 64 << 20;
const READ_BYTES: usize = 64 << 10;

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
    bytes: Mutex<BytesMut>,
    wake: Notify,
    is_over: AtomicBool,
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
        let (mut read, mut write) = stream.into_split();
        let (mut inbox, mut out) = (BytesMut::with_capacity(READ_BYTES), BytesMut::new());
        let mut bundles = self.shared.parts.bundles.clone();
        bundles.mark_changed();
        loop {
            if out.is_empty() {
                std::mem::swap(&mut out, &mut *self.out.bytes.lock());
            }
            inbox.reserve(READ_BYTES / 4);
            let waiting = self.out.bytes.lock().len();
            tokio::select! {
                written = write.write_buf(&mut out), if !out.is_empty() => {
                    written?;
                }
                read = read.read_buf(&mut inbox), if out.len() + waiting < OUT_BYTES_MAX => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(message) = frame::next::<Up<'static>>(&mut inbox)? {
                        self.hear(message).await?;
                    }
                }
                changed = bundles.changed(), if self.session.is_some() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let bundle = Arc::clone(&bundles.borrow_and_update());
                    self.send_bundle(bundle)?;
                }
                () = self.out.wake.notified(), if out.is_empty() => {}
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
        let shared = Arc::clone(self.shared);
        let mut asking = Box::pin(async move {
            if let Some(hold) = op.ends() {
                shared.sessions.settled(session, hold);
            }
            let answer = op.run(shared.parts.store.as_ref()).await;
            if let Some(receipt) = answer.as_ref().ok().and_then(Answer::granted) {
                shared.sessions.granted(session, receipt);
            }
            answer
        });
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx))).await {
            frame::encode(&Down::Answer { number, answer }, &mut self.out.bytes.lock())?;
            return Ok(());
        }
        let out = Arc::clone(&self.out);
        tokio::spawn(async move {
            let answer = asking.await;
            out.say_later(number, answer);
        });
        Ok(())
    }

    fn send_bundle(&mut self, bundle: Arc<Bundle>) -> Result<(), Ended> {
        let json = tollgate_secret::exposed(|| serde_json::to_vec(&*bundle))?;
        let number = self.sent.0 + 1;
        self.sent = (number, Some(bundle));
        frame::encode(&Down::Bundle { number, json }, &mut self.out.bytes.lock())?;
        Ok(())
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
    fn say_later(&self, number: u64, answer: Result<Answer, Failure>) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        let said = frame::encode(&Down::Answer { number, answer }, &mut self.bytes.lock());
        if let Err(error) = said {
            tracing::error!(%error, "an answer of the ledger cannot be written");
        }
        self.wake.notify_one();
    }
}
