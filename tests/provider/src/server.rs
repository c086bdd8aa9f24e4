//! The simulator as a running server: its listener, its connections, their end. Hands each request
//! to `service`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    connection::{Connection, ResetFlag},
    fault::Faults,
    openai::UnknownArguments,
    record::Recorder,
    service::serve,
    tally::Tally,
    tokens::{TokenCounter, Vocabulary},
};

/// How long `shutdown` waits for answers in flight.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// How a simulator behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatorConfig {
    /// The one address for all APIs; port 0 takes a free one.
    pub address: SocketAddr,
    /// Keys that are accepted; any that is not empty when this is.
    pub keys: Vec<String>,
    /// Names `GET /v1/models` lists. Requests may name any model.
    pub models: Vec<String>,
    /// What happens to arguments the OpenAI API does not have.
    pub openai_unknown_arguments: UnknownArguments,
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
}

/// A running simulator. Dropped, it ends as by `kill`, without waiting.
#[derive(Debug)]
pub struct Simulator {
    state: Arc<State>,
    address: SocketAddr,
    running: Option<Running>,
}

/// What every request shares.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: SimulatorConfig,
    pub(crate) faults: Faults,
    pub(crate) tally: Tally,
    pub(crate) recorder: Recorder,
    pub(crate) tokens: TokenCounter,
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Running {
    phase: watch::Sender<Phase>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Killed,
}

// === impl SimulatorConfig ===

impl Default for SimulatorConfig {
    fn default() -> Self {
        let models = [
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4",
            "o3-mini",
            "claude-sonnet-4-5",
            "claude-3-opus",
        ];
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            keys: Vec::new(),
            models: models.map(str::to_owned).to_vec(),
            openai_unknown_arguments: UnknownArguments::Ignore,
            body_bytes_max: 64 << 20,
        }
    }
}

// === impl State ===

impl State {
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }
}

// === impl Simulator ===

impl Simulator {
    /// Starts a simulator on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: SimulatorConfig) -> anyhow::Result<Self> {
        let address = config.address;
        let state = State {
            config,
            faults: Faults::default(),
            tally: Tally::default(),
            recorder: Recorder::default(),
            tokens: TokenCounter::default(),
            numbers: AtomicU64::new(0),
        };
        // The vocabularies take a moment to load; the first request should not wait for them.
        tokio::task::spawn_blocking(|| Vocabulary::O200k.split("warm", 1, 1));
        let mut simulator = Self {
            state: Arc::new(state),
            address,
            running: None,
        };
        simulator.listen().await?;
        Ok(simulator)
    }

    /// The address it listens on; stays the same over a restart.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What was really produced.
    pub fn tally(&self) -> &Tally {
        &self.state.tally
    }

    /// The fault rules.
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// The last requests.
    pub fn recorder(&self) -> &Recorder {
        &self.state.recorder
    }

    /// Stops accepting, waits up to 5 s for answers in flight, then resets what is left.
    pub async fn shutdown(&mut self) {
        self.stop(Phase::Draining).await;
    }

    /// Closes the listener and resets every connection at once, as a killed process would.
    pub async fn kill(&mut self) {
        self.stop(Phase::Killed).await;
    }

    /// Listens again on the same address after `kill` or `shutdown`. Faults, tally and recorded
    /// requests are kept. While running, this does nothing.
    ///
    /// # Errors
    /// When the address was taken meanwhile.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        self.listen().await
    }

    async fn listen(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.address)
            .await
            .with_context(|| format!("provider simulator cannot listen on {}", self.address))?;
        self.address = listener
            .local_addr()
            .context("provider simulator has no local address")?;
        let (phase, observed) = watch::channel(Phase::Serving);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&self.state), observed));
        self.running = Some(Running { phase, accepting });
        Ok(())
    }

    async fn stop(&mut self, phase: Phase) {
        if let Some(running) = self.running.take() {
            running.phase.send_replace(phase);
            if let Err(error) = running.accepting.await {
                tracing::error!(%error, "provider simulator's accept task ended badly");
            }
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, mut phase: watch::Receiver<Phase>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state), phase.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to be freed.
                    tracing::warn!(%error, "provider simulator cannot accept");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = phase.changed() => break,
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_WAIT, all_ended)
        .await
        .is_err()
    {
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, state: Arc<State>, mut phase: watch::Receiver<Phase>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let reset = ResetFlag::default();
    let io = Connection::new(stream, reset.clone());
    let of_request = reset.clone();
    let service = service_fn(move |request| serve(Arc::clone(&state), of_request.clone(), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(io, service);
    let mut served = std::pin::pin!(served);
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended early");
                }
                return;
            }
            changed = phase.changed() => {
                let phase = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Killed };
                match phase {
                    Phase::Serving => {}
                    Phase::Draining => served.as_mut().graceful_shutdown(),
                    Phase::Killed => {
                        reset.set();
                        return;
                    }
                }
            }
        }
    }
}
