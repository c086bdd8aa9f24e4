//! The engine of this process: one, however many filters Envoy makes. Its thread drives what the
//! engine asks of the world, and holds the uplink.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tollgate_bundle::Bundle;
use tollgate_host::{Host, HostConfig};
use tollgate_uplink::{Client, Figures, Following};

use crate::config::{ConfigError, EngineConfig};

/// Longest wait for the first bundle, while Envoy takes over a listener. Without it calls would be
/// answered 503 until it comes.
const BUNDLE_WAIT_MAX: Duration = Duration::from_secs(2);
/// Longest wait for the last settlements, while Envoy lets go of its last listener.
const SETTLE_WAIT_MAX: Duration = Duration::from_secs(1);

/// The engine and the thread that drives it.
pub(crate) struct Engine {
    pub(crate) host: Arc<Host>,
    pub(crate) runtime: Handle,
    pub(crate) client: Arc<Client>,
    config: EngineConfig,
}

/// A use of the engine by a filter's configuration. When the last one goes Envoy is about to end,
/// or serves no AI traffic any more: what is unsettled is settled first.
pub(crate) struct EngineUse {
    engine: Arc<Engine>,
}

struct Process {
    engine: Option<Arc<Engine>>,
    uses: usize,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    engine: None,
    uses: 0,
});

/// Serves what comes down the uplink.
struct Serve {
    host: Arc<Host>,
    client: Arc<Client>,
}

// === impl Engine ===

impl Engine {
    fn start(config: EngineConfig) -> Result<Arc<Self>, ConfigError> {
        let failed = |error: std::io::Error| {
            ConfigError(format!("the engine's thread cannot be started: {error}"))
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("tollgate-count")
            .build()
            .map_err(failed)?;
        let client = Client::new(config.uplink.clone());
        let host_config = HostConfig {
            body_bytes_max: config.body_bytes_max,
            renew_every: Duration::from_millis(config.renew_every_ms),
            ..HostConfig::default()
        };
        let host = {
            let _entered = runtime.enter();
            Host::new(
                host_config,
                Arc::clone(&client) as _,
                Arc::clone(&client) as _,
            )
        };
        let engine = Arc::new(Self {
            host: Arc::clone(&host),
            runtime: runtime.handle().clone(),
            client: Arc::clone(&client),
            config,
        });
        let serve = Serve {
            host: Arc::clone(&host),
            client: Arc::clone(&client),
        };
        let (running, is_running) = mpsc::channel();
        std::thread::Builder::new()
            .name("tollgate-engine".to_string())
            .spawn(move || {
                runtime.block_on(async move {
                    let renewal = tokio::spawn(async move { host.renew_holds().await });
                    // Whoever waits for it is Envoy's main thread, below.
                    let _ = running.send(());
                    client.run(serve).await;
                    renewal.abort();
                });
            })
            .map_err(failed)?;
        is_running
            .recv_timeout(BUNDLE_WAIT_MAX)
            .map_err(|_| ConfigError("the engine's thread does not run".to_string()))?;
        Ok(engine)
    }

    /// Waits, within bounds, until everything that has ended is settled and told.
    fn settle(&self) {
        let end = Instant::now() + SETTLE_WAIT_MAX;
        let is_quiet = || {
            self.host.in_flight() == 0 && self.host.being_concluded() == 0 && self.client.is_idle()
        };
        while !is_quiet() {
            if Instant::now() >= end {
                tracing::warn!("calls were not settled before the engine ended");
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

// === impl EngineUse ===

impl EngineUse {
    /// The engine of this process, started for its first use.
    pub(crate) fn new(config: EngineConfig) -> Result<Self, ConfigError> {
        let engine = {
            let mut process = PROCESS.lock();
            let engine = match &process.engine {
                Some(engine) if engine.config == config => Arc::clone(engine),
                Some(engine) => {
                    return Err(ConfigError(format!(
                        "one process has one engine, which is {:?}, not {config:?}",
                        engine.config
                    )));
                }
                None => Engine::start(config)?,
            };
            process.engine = Some(Arc::clone(&engine));
            process.uses += 1;
            engine
        };
        if !engine.client.wait_for_bundle(BUNDLE_WAIT_MAX) {
            tracing::warn!(
                uplink = %engine.config.uplink.display(),
                "nobody has said on the uplink what to serve; calls are answered 503 until then"
            );
        }
        Ok(Self { engine })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Drop for EngineUse {
    fn drop(&mut self) {
        let is_last = {
            let mut process = PROCESS.lock();
            process.uses = process.uses.saturating_sub(1);
            process.uses == 0
        };
        if is_last {
            self.engine.settle();
        }
    }
}

// === impl Serve ===

impl Following for Serve {
    fn apply(&mut self, bundle: &Bundle) {
        self.host.apply(bundle);
    }

    fn figures(&self) -> Figures {
        let (records_dropped, settle_failures, host_failures) = self.client.losses();
        Figures {
            in_flight: self.host.in_flight(),
            ejected: self.host.ejected(),
            records_dropped,
            settle_failures,
            host_failures,
        }
    }
}
