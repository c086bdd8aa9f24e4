//! One connection of the engine's end: hands out what comes, and writes what its callers could not.

use std::{
    borrow::Cow,
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::MissedTickBehavior;
use tollgate_bundle::Bundle;

use super::{Client, Following};
use crate::{
    change::Change,
    frame::{self, FrameError},
    socket::{Inbox, Socket},
    wire::{Answer, Down, Failure, Figures, Op, Up},
};

/// How often changed figures are told, and late answers given up.
const TICK: Duration = Duration::from_millis(100);

/// Why a connection ended.
pub(super) enum Ended {
    Closed,
    Io(io::Error),
    Frame(FrameError),
    Bundle(serde_json::Error),
    /// A change of a bundle that this side does not have.
    OtherBundle,
}

/// Serves a connection to its end.
pub(super) async fn run(
    client: &Client,
    socket: Arc<Socket>,
    following: &mut impl Following,
) -> Ended {
    let ended = serve(client, socket, following).await;
    ended.err().unwrap_or(Ended::Closed)
}

async fn serve(
    client: &Client,
    socket: Arc<Socket>,
    following: &mut impl Following,
) -> Result<(), Ended> {
    client.connected(&socket)?;
    let mut inbox = Inbox::default();
    let mut told = Figures::default();
    let mut bundle = Bundle::default();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_blocked = client.state.lock().out.waits();
        tokio::select! {
            read = socket.read(&mut inbox) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(message) = frame::next(&mut inbox.bytes)? {
                    hear(client, message, following, &mut bundle)?;
                }
            }
            room = socket.room(), if is_blocked => {
                room?;
                client.flush();
            }
            () = client.blocked.notified() => {}
            _ = ticks.tick() => {
                client.state.lock().questions.expire(Instant::now());
                let figures = following.figures();
                if figures != told {
                    client.say(&Up::Figures(figures.clone()));
                    told = figures;
                }
                client.flush();
            }
        }
    }
}

/// `bundle` is the one that was heard last on this connection.
fn hear(
    client: &Client,
    message: Down,
    following: &mut impl Following,
    bundle: &mut Bundle,
) -> Result<(), Ended> {
    let number = match message {
        Down::Answer { number, answer } => {
            client.answered(number, answer);
            return Ok(());
        }
        Down::Unknown { number } => {
            client.say_in_full(number)?;
            return Ok(());
        }
        Down::Settled(numbers) => {
            client.state.lock().questions.settled(&numbers);
            return Ok(());
        }
        Down::Bundle { number, json } => {
            *bundle = serde_json::from_slice(&json).map_err(Ended::Bundle)?;
            number
        }
        Down::Change { number, json } => {
            let change: Change = serde_json::from_slice(&json).map_err(Ended::Bundle)?;
            *bundle = change.apply(bundle).ok_or(Ended::OtherBundle)?;
            number
        }
    };
    following.apply(bundle);
    client.say(&Up::Served { bundle: number });
    client.has_bundle();
    Ok(())
}

// === impl Client ===

impl Client {
    /// A connection is there: settlements that were not acknowledged are said again.
    fn connected(&self, socket: &Arc<Socket>) -> Result<(), FrameError> {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.out.connected(Arc::clone(socket));
        let session = self.session;
        state.out.say(&Up::Hello { session })?;
        for (number, settlement) in state.questions.kept() {
            let op = Op::Settle(Cow::Borrowed(settlement));
            state.out.say(&Up::Ask { number, op })?;
        }
        state.out.say_kept_records();
        self.write_now(state);
        Ok(())
    }

    /// The ledger's end does not know the hold of this settlement: it is another process since.
    fn say_in_full(&self, number: u64) -> Result<(), FrameError> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(settlement) = state.questions.kept_one(number) {
            let op = Op::Settle(Cow::Borrowed(settlement));
            state.out.say(&Up::Ask { number, op })?;
        }
        self.write_now(state);
        Ok(())
    }

    fn answered(&self, number: u64, answer: Result<Answer, Failure>) {
        let waiter = {
            let mut state = self.state.lock();
            if let Err(failure) = &answer
                && state.questions.refused(number)
            {
                state.settle_failures += 1;
                tracing::error!(?failure, "a call was not charged");
            }
            state.questions.answered(number)
        };
        if let Some(waiter) = waiter {
            // Nobody may wait any more: the call is over.
            let _ = waiter.send(answer.map_err(Into::into));
        }
    }
}

// === impl Ended ===

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FrameError> for Ended {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other end closed it"),
            Self::OtherBundle => f.write_str("it changes a bundle that is not here"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Frame(error) => write!(f, "{error}"),
            // The text of a bundle may hold secrets; where it is wrong does not.
            Self::Bundle(error) => write!(
                f,
                "a bundle cannot be read (line {}, column {})",
                error.line(),
                error.column()
            ),
        }
    }
}
