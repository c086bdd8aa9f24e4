//! One connection of the engine's end: writes what waits, hands out what comes.

use std::{fmt, io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::MissedTickBehavior,
};

use super::{Client, Following};
use crate::{
    frame::{self, FrameError},
    wire::{Down, Figures, Up},
};

/// How often changed figures are told.
const FIGURES_EVERY: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 64 << 10;

/// Why a connection ended.
pub(super) enum Ended {
    Closed,
    Io(io::Error),
    Frame(FrameError),
    Bundle(serde_json::Error),
}

/// Serves a connection to its end.
pub(super) async fn run(
    client: &Client,
    stream: UnixStream,
    following: &mut impl Following,
) -> Ended {
    let mut records = 0;
    let ended = serve(client, stream, following, &mut records).await;
    client.state.lock().records_dropped += records;
    ended.err().unwrap_or(Ended::Closed)
}

async fn serve(
    client: &Client,
    stream: UnixStream,
    following: &mut impl Following,
    records: &mut u64,
) -> Result<(), Ended> {
    let session = client.session;
    client.state.lock().connected(&Up::Hello { session })?;
    let (mut read, mut write) = stream.into_split();
    let (mut inbox, mut out) = (BytesMut::with_capacity(READ_BYTES), BytesMut::new());
    let mut told = Figures::default();
    let mut ticks = tokio::time::interval(FIGURES_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if out.is_empty() {
            *records = client.state.lock().take(&mut out);
        }
        inbox.reserve(READ_BYTES / 4);
        tokio::select! {
            written = write.write_buf(&mut out), if !out.is_empty() => {
                written?;
            }
            read = read.read_buf(&mut inbox) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(message) = frame::next(&mut inbox)? {
                    hear(client, message, following)?;
                }
            }
            () = client.wake.notified(), if out.is_empty() => {}
            _ = ticks.tick() => {
                let figures = following.figures();
                if figures != told {
                    client.say(&Up::Figures(figures.clone()));
                    told = figures;
                }
            }
        }
    }
}

fn hear(client: &Client, message: Down, following: &mut impl Following) -> Result<(), Ended> {
    match message {
        Down::Answer { number, answer } => client.state.lock().answered(number, answer),
        Down::Bundle { number, json } => {
            following.apply(serde_json::from_slice(&json).map_err(Ended::Bundle)?);
            client.say(&Up::Served { bundle: number });
            client.has_bundle();
        }
    }
    Ok(())
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
