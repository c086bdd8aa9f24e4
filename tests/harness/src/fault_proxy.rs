//! A TCP proxy that does harm on demand. Tests put it between a gateway and its Redis.

mod commands;
mod connection;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Bytes of requests kept by a recording at most.
const RECORDED_BYTES_MAX: usize = 64 << 20;
/// Time that a server is given to answer what is replayed.
const REPLAY_PATIENCE: Duration = Duration::from_secs(5);

/// What happens to bytes on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Harm {
    /// Nothing: they pass.
    #[default]
    None,
    /// Each way takes this much longer.
    Latency(Duration),
    /// Bytes wait, both ways, until the harm ends; connections stay open.
    Hang,
    /// Open connections are reset, new ones too.
    Reset,
    /// Requests arrive, answers are lost; connections stay open.
    HalfOpen,
    /// Requests are lost; connections stay open.
    BlackHole,
    /// Each request is answered with these bytes and never reaches the server:
    /// `-MOVED 42 127.0.0.1:1\r\n`.
    Answer(&'static str),
    /// Of a million pieces of data, so many reset their connection (half of them before the
    /// server has seen the piece, half after), and so many wait for `pause` first.
    Flaky {
        /// Resets in a million.
        resets: u32,
        /// Pauses in a million.
        pauses: u32,
        /// Length of a pause.
        pause: Duration,
    },
}

/// A running proxy. Ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    harm: watch::Sender<Harm>,
    server: SocketAddr,
    recording: Mutex<Option<Vec<Vec<u8>>>>,
    chance: AtomicU64,
    resets: AtomicU64,
    pauses: AtomicU64,
    requests: AtomicU64,
}

// === impl FaultProxy ===

impl FaultProxy {
    /// Starts one in front of `server`, harmless; `seed` makes its random choices.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start(server: SocketAddr, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("listen for the fault proxy")?;
        let address = listener
            .local_addr()
            .context("read the proxy's own address")?;
        let shared = Arc::new(Shared {
            harm: watch::Sender::default(),
            server,
            recording: Mutex::default(),
            chance: AtomicU64::new(seed),
            resets: AtomicU64::default(),
            pauses: AtomicU64::default(),
            requests: AtomicU64::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://…` of its address.
    pub fn redis_url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on.
    pub fn set(&self, harm: Harm) {
        self.shared.harm.send_replace(harm);
    }

    /// Ends all harm.
    pub fn heal(&self) {
        self.set(Harm::None);
    }

    /// Connections reset and pieces delayed by [`Harm::Flaky`] so far.
    pub fn harmed(&self) -> (u64, u64) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (of(&self.shared.resets), of(&self.shared.pauses))
    }

    /// Requests (RESP commands) that clients sent so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Keeps the requests that come from now on.
    pub fn record(&self) {
        if let Ok(mut recording) = self.shared.recording.lock() {
            *recording = Some(Vec::new());
        }
    }

    /// Ends the recording; gives its requests in the order they came.
    pub fn recorded(&self) -> Vec<Vec<u8>> {
        let recording = self.shared.recording.lock();
        recording
            .ok()
            .and_then(|mut recording| recording.take())
            .unwrap_or_default()
    }

    /// Sends these requests to the server, in this order, on a connection of its own; gives the
    /// number of answers that came.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or did not answer.
    pub async fn replay(&self, requests: &[Vec<u8>]) -> Result<usize> {
        let mut server = TcpStream::connect(self.shared.server)
            .await
            .context("reach the server")?;
        let mut answered = 0;
        let mut buffer = vec![0; 64 << 10];
        for request in requests {
            server.write_all(request).await.context("replay")?;
            let read = tokio::time::timeout(REPLAY_PATIENCE, server.read(&mut buffer));
            if read.await.context("no answer to a replayed request")?? == 0 {
                anyhow::bail!("the server closed the connection");
            }
            answered += 1;
        }
        Ok(answered)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // Connections end with what they wait for.
        self.shared.harm.send_replace(Harm::Reset);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { connection::serve(client, &shared).await });
    }
}

// === impl Shared ===

impl Shared {
    /// Whether something that happens `millionths` of the time happens now (splitmix64).
    fn happens(&self, millionths: u32) -> bool {
        let seed = self
            .chance
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % 1_000_000 < u64::from(millionths)
    }

    /// Counts the whole requests of `unread` and takes them out; keeps them if it records.
    fn note_requests(&self, unread: &mut Vec<u8>) -> usize {
        let mut count = 0;
        while let Some(length) = commands::length(unread) {
            let request: Vec<u8> = unread.drain(..length).collect();
            count += 1;
            let Ok(mut recording) = self.recording.lock() else {
                continue;
            };
            if let Some(recorded) = recording.as_mut() {
                let kept: usize = recorded.iter().map(Vec::len).sum();
                if kept + request.len() <= RECORDED_BYTES_MAX {
                    recorded.push(request);
                }
            }
        }
        self.requests.fetch_add(count as u64, Ordering::Relaxed);
        count
    }
}
