//! The connection: opened, watched and opened again in the background; a call on it fails at once
//! while there is none.

mod open;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use redis::{Cmd, RedisError, Value};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};
use tollgate_budget::StoreError;

pub(crate) use self::open::{Opener, Unopenable};
use crate::script::Loaded;

/// First and longest wait before the next attempt to connect.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How often an idle connection is tried.
const PING_EVERY: Duration = Duration::from_secs(5);

/// A link to Redis, which may be down. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    attempted: watch::Receiver<bool>,
    keeper: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    shown: String,
    state: ArcSwap<State>,
    suspect: Notify,
    response_timeout: Duration,
}

#[derive(Debug)]
enum State {
    /// With the reason.
    Down(String),
    Up(Connection),
}

/// One connection; a clone shares it, and calls on it share its socket.
#[derive(Clone)]
pub(crate) enum Connection {
    Single(redis::aio::MultiplexedConnection),
    Cluster(redis::cluster_async::ClusterConnection),
}

// === impl Link ===

impl Link {
    /// Starts to connect. Must be called in a tokio runtime.
    pub(crate) fn start(opener: Opener, response_timeout: Duration) -> Self {
        let shared = Arc::new(Shared {
            shown: opener.address().to_string(),
            state: ArcSwap::from_pointee(State::Down("connecting".to_owned())),
            suspect: Notify::new(),
            response_timeout,
        });
        let (tell_attempted, attempted) = watch::channel(false);
        let keeper = tokio::spawn(keep(opener, Arc::clone(&shared), tell_attempted));
        Self {
            shared,
            attempted,
            keeper: keeper.abort_handle(),
        }
    }

    /// Waits for the first attempt to connect, and says how it went.
    pub(crate) async fn attempted(&self) -> Result<(), StoreError> {
        let mut attempted = self.attempted.clone();
        // An error means that nobody tries any more; then the state says why.
        let _ended = attempted.wait_for(|done| *done).await;
        self.shared.connection().map(|_| ())
    }

    /// Runs a script: one round trip, but where the server has forgotten it.
    pub(crate) async fn eval(
        &self,
        script: &Loaded,
        keys: &[String],
        argument: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(keys.len()).arg(keys).arg(argument);
            command
        };
        let answer = match self.call(&command("EVALSHA", &script.sha)).await? {
            Err(error) if is_noscript(&error) => {
                self.call(&command("EVAL", &script.source)).await?
            }
            answer => answer,
        };
        match answer {
            Ok(Value::BulkString(bytes)) => Ok(bytes),
            Ok(other) => Err(self
                .shared
                .unavailable(&format!("unexpected answer {other:?}"))),
            Err(error) => Err(self.shared.unavailable(&describe(&error))),
        }
    }

    /// Sends a command; the server's own refusals are the inner error.
    async fn call(&self, command: &Cmd) -> Result<Result<Value, RedisError>, StoreError> {
        let mut connection = self.shared.connection()?;
        match timeout(self.shared.response_timeout, connection.send(command)).await {
            Ok(Err(error)) if is_broken(&error) => {
                self.shared.suspect.notify_one();
                Err(self.shared.unavailable(&describe(&error)))
            }
            Ok(answer) => Ok(answer),
            Err(_) => {
                self.shared.suspect.notify_one();
                let waited = self.shared.response_timeout.as_millis();
                Err(self
                    .shared
                    .unavailable(&format!("no answer within {waited} ms")))
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn connection(&self) -> Result<Connection, StoreError> {
        match &**self.state.load() {
            State::Up(connection) => Ok(connection.clone()),
            State::Down(why) => Err(self.unavailable(why)),
        }
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable(format!("{}: {why}", self.shown))
    }
}

// === impl Connection ===

impl Connection {
    async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// Connects, watches, connects again, for as long as the link lives.
async fn keep(opener: Opener, shared: Arc<Shared>, attempted: watch::Sender<bool>) {
    let mut backoff = BACKOFF_MIN;
    let mut told = String::new();
    loop {
        match opener.open().await {
            Ok(connection) => {
                tracing::info!(redis = %shared.shown, "connected to the budget store");
                shared.state.store(Arc::new(State::Up(connection.clone())));
                attempted.send_replace(true);
                (backoff, told) = (BACKOFF_MIN, String::new());
                let why = watch_over(connection, &opener, &shared).await;
                tracing::warn!(redis = %shared.shown, %why, "lost the budget store");
                shared.state.store(Arc::new(State::Down(why)));
            }
            Err(why) => {
                // Each reason once: the attempts go on for as long as it takes.
                if told != why {
                    tracing::error!(redis = %shared.shown, %why, "cannot reach the budget store; trying on");
                    told.clone_from(&why);
                }
                shared.state.store(Arc::new(State::Down(why)));
                attempted.send_replace(true);
                // Replicas that lost the server together do not come back together.
                sleep(backoff.mul_f64(rand::random_range(0.5..1.0))).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

/// Returns why the connection is of no use any more.
async fn watch_over(mut connection: Connection, opener: &Opener, shared: &Shared) -> String {
    loop {
        // Either a call failed, or nobody called for long.
        let _idle = timeout(PING_EVERY, shared.suspect.notified()).await;
        let tried = opener.try_out(&mut connection);
        match timeout(shared.response_timeout, tried).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return why,
            Err(_) => {
                return format!(
                    "no answer to a ping within {} ms",
                    shared.response_timeout.as_millis()
                );
            }
        }
    }
}

fn is_noscript(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT")
}

/// Whether the connection, rather than the call, has failed.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.code(),
            Some("READONLY" | "NOAUTH" | "CLUSTERDOWN" | "MASTERDOWN")
        )
}

/// A server's or a socket's words. Neither contains what was sent.
fn describe(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}
