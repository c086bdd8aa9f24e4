//! A gateway in this process: the engine behind ext_proc, the rate limit service, the ledger, the
//! data plane and the admin endpoint, joined. `run` and `proxy` differ in where gateways come
//! from, and in nothing here.

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
use tollgate_bundle::Bundle;
use tollgate_extproc::{Host, HostConfig, Telemetry};
use tollgate_ir as ir;
use tollgate_link::StoreSettings;
use tollgate_proxy::{DataPlane, DataPlaneConfig, Node, Served, infra::envoy_process::Drain};
use tollgate_xds::BuildOptions;

use crate::{
    admin::{self, Budgets},
    admin_token::AdminToken,
    metrics::{self, Metrics},
};
use ledger::RunningLedger;
use shown::OwnStatus;

/// Connections of clients that may be open at a time.
const CONNECTIONS_MAX: u64 = 50_000;

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
    host: Arc<Host>,
    ledger: RunningLedger,
    extproc: Part,
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

        let (host, extproc, renewal) = start_engine(&setup, &store, stopped.clone());
        let (limits, ratelimit) = rate_limits::start(
            &build.ratelimit_socket,
            Arc::clone(&store),
            &meter,
            threads,
            stopped.clone(),
        )
        .await?;
        let plane = DataPlane::start(data_plane_config(&setup, build), first).await?;
        let following = tokio::spawn(follow_bundles(
            Arc::clone(&host),
            limits,
            plane.bundle.clone(),
            plane.served.clone(),
        ));
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
            host: &host,
            plane: &plane,
            ledger: ledger.look(),
            budgets: (operated, admin.token),
            own: admin.own,
        });
        let admin = tokio::spawn(admin::serve(admin.listener, shown, until(stopped)));
        Ok(Self {
            plane,
            host,
            ledger,
            extproc,
            ratelimit,
            admin,
            background: vec![following, renewal],
            stop,
        })
    }

    /// Returns when a part that must live has ended, with its name: the process should exit.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            error = self.plane.failed() => error,
            ended = &mut self.extproc => ended_early("the ext_proc service", ended),
            ended = &mut self.ratelimit => ended_early("the rate limit service", ended),
            ended = &mut self.admin => ended_early("the admin endpoint", ended),
        }
    }

    /// Lets requests in flight end, charges them, and ends everything.
    pub(crate) async fn stop(self) {
        let Self {
            plane,
            host,
            ledger,
            background,
            stop,
            ..
        } = self;
        tracing::info!("stopping: requests in flight are given time to end");
        let had_calls = host.in_flight() > 0;
        plane.shutdown().await;
        if had_calls {
            settle::last_settlements(&host, &ledger).await;
        }
        stop.send_replace(true);
        ledger.stop().await;
        background.iter().for_each(JoinHandle::abort);
    }
}

/// The engine behind its socket, and the task that renews what its calls hold.
fn start_engine(
    setup: &Setup,
    store: &Arc<dyn Store>,
    stopped: watch::Receiver<bool>,
) -> (Arc<Host>, Part, JoinHandle<()>) {
    let config = HostConfig {
        body_bytes_max: setup.body_limit,
        renew_every: ledger::renew_every(&setup.store),
        ..HostConfig::default()
    };
    let telemetry = Telemetry::new(&setup.metrics.meter());
    let host = Host::new(config, Arc::clone(store), telemetry);
    let threads = threads(setup.concurrency);
    let extproc = tokio::spawn({
        let (host, socket) = (Arc::clone(&host), extproc_socket(setup));
        async move { tollgate_extproc::serve(host, &socket, threads, until(stopped)).await }
    });
    let renewal = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.renew_holds().await }
    });
    (host, extproc, renewal)
}

fn extproc_socket(setup: &Setup) -> PathBuf {
    setup.folder.join("extproc.sock")
}

fn build_options(setup: &Setup) -> BuildOptions {
    let mut options = BuildOptions::new(extproc_socket(setup));
    options.body_bytes_max = setup.body_limit;
    options
}

fn data_plane_config(setup: &Setup, build: BuildOptions) -> DataPlaneConfig {
    DataPlaneConfig {
        node: setup.node.clone(),
        build,
        runtime_dir: setup.folder.clone(),
        envoy: setup.envoy.clone(),
        concurrency: setup.concurrency,
        envoy_log_level: setup.envoy_log_level.clone(),
        connections_max: CONNECTIONS_MAX,
        drain: setup.drain,
    }
}

/// Hands each bundle to those who serve by it, and tells when they do.
async fn follow_bundles(
    host: Arc<Host>,
    limits: Arc<tollgate_ratelimit::Service>,
    mut bundles: watch::Receiver<Arc<Bundle>>,
    served: watch::Sender<Served>,
) {
    loop {
        let bundle = Arc::clone(&bundles.borrow_and_update());
        host.apply(&bundle);
        limits.apply(&bundle.rate_limits);
        served.send_replace(Some(bundle));
        if bundles.changed().await.is_err() {
            return;
        }
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
