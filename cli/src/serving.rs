//! A gateway in this process: the engine behind ext_proc, the rate limit service, the ledger, the
//! data plane and the admin endpoint, joined. `run` and `proxy` differ in where gateways come
//! from, and in nothing here.

pub(crate) mod engine;
pub(crate) mod ledger;
mod rate_limits;
mod settle;
pub(crate) mod shown;

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use tokio::{
    net::TcpListener,
    signal::unix,
    sync::watch,
    task::{JoinError, JoinHandle},
};
use tollgate_budget::Store;
use tollgate_ir as ir;
use tollgate_link::StoreSettings;
use tollgate_proxy::{DataPlane, DataPlaneConfig, Node, infra::envoy_process::Drain};
use tollgate_xds::BuildOptions;

use crate::{
    admin::{self, Budgets},
    admin_token::AdminToken,
    engine::EngineChoice,
    metrics::{self, Metrics},
};
use engine::{Engine, EngineLook, RunningEngine, build_options};
use ledger::RunningLedger;
use shown::OwnStatus;

/// Connections of clients that may be open at a time.
const CONNECTIONS_MAX: u64 = 50_000;

/// Longest wait for the engine's service to end.
const ENGINE_END_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// What a gateway is made of.
pub(crate) struct Setup {
    /// What the Envoy calls itself.
    pub(crate) node: Node,
    /// Private folder for sockets; must outlive the gateway.
    pub(crate) folder: PathBuf,
    /// Where budgets are kept.
    pub(crate) store: StoreSettings,
    /// The ledger that was started with those.
    pub(crate) ledger: RunningLedger,
    pub(crate) metrics: Metrics,
    pub(crate) admin: AdminEnd,
    /// Where LLM calls are handled.
    pub(crate) engine: EngineChoice,
    /// The Envoy to run.
    pub(crate) envoy: PathBuf,
    /// As Envoy names it: `info`, `warning`, …
    pub(crate) envoy_log_level: String,
    /// Worker threads of Envoy and of our services; `None`: one for each core.
    pub(crate) concurrency: Option<u32>,
    /// Longest request body, in bytes.
    pub(crate) body_limit: u64,
    pub(crate) drain: Drain,
}

/// The admin endpoint before it serves.
pub(crate) struct AdminEnd {
    pub(crate) listener: TcpListener,
    pub(crate) token: AdminToken,
    /// What `/status` says of where gateways come from.
    pub(crate) own: OwnStatus,
}

/// A part that must live as long as the gateway.
type Part = JoinHandle<anyhow::Result<()>>;

/// A running gateway.
pub(crate) struct Serving {
    pub(crate) plane: DataPlane,
    look: EngineLook,
    ledger: RunningLedger,
    engine: Part,
    ratelimit: Part,
    admin: Part,
    /// Tasks that are of no use without the parts.
    background: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

// === impl Serving ===

impl Serving {
    /// Starts everything with `first` as the configuration.
    ///
    /// # Errors
    ///
    /// A socket or a file of our own cannot be made.
    pub(crate) async fn start(
        setup: Setup,
        first: impl Into<Arc<ir::Gateway>>,
    ) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let meter = setup.metrics.meter();
        metrics::ledger::observe(&meter, &setup.ledger.ledger);
        let store: Arc<dyn Store> = Arc::clone(&setup.ledger.ledger) as Arc<dyn Store>;
        let build = build_options(&setup);
        let threads = threads(setup.concurrency);

        let engine = Engine::start(&setup, &store, stopped.clone());
        let (limits, ratelimit) = rate_limits::start(
            &build.ratelimit_socket,
            Arc::clone(&store),
            &meter,
            threads,
            stopped.clone(),
        )
        .await?;
        let plane = DataPlane::start(data_plane_config(&setup, build), first).await?;
        let RunningEngine {
            part: engine,
            background,
            look,
        } = engine
            .follow(limits, plane.bundle.clone(), plane.served.clone())
            .await?;
        let Setup {
            ledger,
            metrics,
            admin,
            ..
        } = setup;
        let operated = Budgets {
            bundle: plane.bundle.clone(),
            store,
        };
        let shown = shown::shown(shown::Parts {
            metrics,
            engine: look.clone(),
            plane: &plane,
            ledger: ledger.look(),
            budgets: (operated, admin.token),
            own: admin.own,
        });
        let admin = tokio::spawn(admin::serve(admin.listener, shown, until(stopped)));
        Ok(Self {
            plane,
            look,
            ledger,
            engine,
            ratelimit,
            admin,
            background,
            stop,
        })
    }

    /// Returns when a part that must live has ended, with its name: the process should exit.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            error = self.plane.failed() => error,
            ended = &mut self.engine => ended_early("the engine's service", ended),
            ended = &mut self.ratelimit => ended_early("the rate limit service", ended),
            ended = &mut self.admin => ended_early("the admin endpoint", ended),
        }
    }

    /// Lets requests in flight end, charges them, and ends everything.
    pub(crate) async fn stop(self) {
        let Self {
            plane,
            look,
            ledger,
            engine,
            background,
            stop,
            ..
        } = self;
        tracing::info!("stopping: requests in flight are given time to end");
        let had_calls = look.in_flight() > 0;
        plane.shutdown().await;
        if had_calls {
            settle::last_settlements(&look, &ledger).await;
        }
        stop.send_replace(true);
        // What an engine inside Envoy has left unsettled is charged before the ledger ends.
        if tokio::time::timeout(ENGINE_END_MAX, engine).await.is_err() {
            tracing::warn!("the engine's service did not end in time");
        }
        ledger.stop().await;
        background.iter().for_each(JoinHandle::abort);
    }
}

fn data_plane_config(setup: &Setup, build: BuildOptions) -> DataPlaneConfig {
    DataPlaneConfig {
        node: setup.node.clone(),
        build,
        runtime_dir: setup.folder.clone(),
        envoy: setup.envoy.clone(),
        modules: match &setup.engine {
            EngineChoice::ExtProc => None,
            EngineChoice::InEnvoy(folder) => Some(folder.clone()),
        },
        concurrency: setup.concurrency,
        envoy_log_level: setup.envoy_log_level.clone(),
        connections_max: CONNECTIONS_MAX,
        drain: setup.drain,
    }
}

fn threads(concurrency: Option<u32>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    concurrency.map_or(cores, |threads| threads as usize)
}

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
///
/// Signals cannot be received.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = unix::signal(unix::SignalKind::terminate()).context("wait for SIGTERM")?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupt = tokio::signal::ctrl_c() => interrupt.context("wait for Ctrl-C"),
    }
}

pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    // A closed channel means that nobody will stop us any other way.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// What to say of a part that must live and ended.
pub(crate) fn ended_early(
    what: &str,
    ended: Result<anyhow::Result<()>, JoinError>,
) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("{what} ended"),
        Ok(Err(error)) => error.context(format!("{what} failed")),
        Err(error) => anyhow::Error::from(error).context(format!("{what} failed")),
    }
}
