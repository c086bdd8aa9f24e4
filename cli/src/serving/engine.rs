//! The engine of a gateway: in this process behind ext_proc, or inside Envoy, with its uplink here.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use tokio::{
    runtime::Builder,
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tollgate_budget::Store;
use tollgate_bundle::Bundle;
use tollgate_extproc::{Host, HostConfig, Telemetry};
use tollgate_proxy::Served;
use tollgate_uplink::{Figures, server};
use tollgate_xds::BuildOptions;

use super::{Part, Setup, ledger, threads, until};
use crate::engine::EngineChoice;

/// The engine before the data plane is there.
pub(super) enum Engine {
    ExtProc {
        host: Arc<Host>,
        service: Part,
        renewal: JoinHandle<()>,
    },
    InEnvoy {
        uplink: PathBuf,
        store: Arc<dyn Store>,
        telemetry: Arc<Telemetry>,
        stopped: watch::Receiver<bool>,
    },
}

/// The engine with a data plane.
pub(super) struct RunningEngine {
    /// What must live as long as the gateway.
    pub(super) part: Part,
    /// Of no use without it.
    pub(super) background: Vec<JoinHandle<()>>,
    pub(super) look: EngineLook,
}

/// How it goes in the engine.
#[derive(Clone)]
pub(crate) enum EngineLook {
    Here(Arc<Host>),
    InEnvoy(watch::Receiver<Figures>),
}

/// Who decides by bundles: the rate limit service, before the engine tells that it serves one.
type Limits = Arc<tollgate_ratelimit::Service>;

// === impl Engine ===

impl Engine {
    pub(super) fn start(
        setup: &Setup,
        store: &Arc<dyn Store>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let telemetry = Arc::new(Telemetry::new(&setup.metrics.meter()));
        match &setup.engine {
            EngineChoice::ExtProc => ext_proc(setup, store, telemetry, stopped),
            EngineChoice::InEnvoy(_) => Self::InEnvoy {
                uplink: uplink_socket(setup),
                store: Arc::clone(store),
                telemetry,
                stopped,
            },
        }
    }

    /// Has it serve the bundles of a data plane.
    ///
    /// # Errors
    ///
    /// The uplink's socket cannot be made.
    pub(super) async fn follow(
        self,
        limits: Limits,
        mut bundles: watch::Receiver<Arc<Bundle>>,
        served: watch::Sender<Served>,
    ) -> anyhow::Result<RunningEngine> {
        match self {
            Self::ExtProc {
                host,
                service,
                renewal,
            } => {
                let look = EngineLook::Here(Arc::clone(&host));
                let following = follow_bundles(bundles, move |bundle| {
                    host.apply(bundle);
                    limits.apply(&bundle.rate_limits);
                    served.send_replace(Some(Arc::clone(bundle)));
                });
                Ok(RunningEngine {
                    part: service,
                    background: vec![renewal, tokio::spawn(following)],
                    look,
                })
            }
            Self::InEnvoy {
                uplink,
                store,
                telemetry,
                stopped,
            } => {
                let first = Arc::clone(&bundles.borrow_and_update());
                limits.apply(&first.rate_limits);
                let (forwarded, forwarded_rx) = watch::channel(first);
                let following = follow_bundles(bundles, move |bundle| {
                    limits.apply(&bundle.rate_limits);
                    forwarded.send_replace(Arc::clone(bundle));
                });
                let (figures, look) = watch::channel(Figures::default());
                let parts = server::Parts {
                    store,
                    told: telemetry,
                    bundles: forwarded_rx,
                    served,
                    figures,
                };
                let (listening, is_listening) = oneshot::channel();
                let part = serve_uplink(uplink, parts, listening, stopped)?;
                // Where it is not listening the part has ended, with the reason.
                let _ = is_listening.await;
                Ok(RunningEngine {
                    part,
                    background: vec![tokio::spawn(following)],
                    look: EngineLook::InEnvoy(look),
                })
            }
        }
    }
}

fn ext_proc(
    setup: &Setup,
    store: &Arc<dyn Store>,
    telemetry: Arc<Telemetry>,
    stopped: watch::Receiver<bool>,
) -> Engine {
    let config = HostConfig {
        body_bytes_max: setup.body_limit,
        renew_every: ledger::renew_every(&setup.store),
        ..HostConfig::default()
    };
    let host = Host::new(config, Arc::clone(store), telemetry);
    let threads = threads(setup.concurrency);
    let service = tokio::spawn({
        let (host, socket) = (Arc::clone(&host), extproc_socket(setup));
        async move { tollgate_extproc::serve(host, &socket, threads, until(stopped)).await }
    });
    let renewal = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.renew_holds().await }
    });
    Engine::ExtProc {
        host,
        service,
        renewal,
    }
}

/// Serves the uplink on a thread of its own: each call asks the ledger, and on a runtime of many
/// threads each question would wake a second one, to look for work that is not there.
///
/// # Errors
///
/// The thread cannot be started.
fn serve_uplink(
    socket: PathBuf,
    parts: server::Parts,
    listening: oneshot::Sender<()>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Part> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("make the runtime of the uplink")?;
    let (end, ended) = oneshot::channel();
    let serve = move || {
        let served = runtime.block_on(server::serve(&socket, parts, listening, until(stopped)));
        let served = served.with_context(|| format!("serve the uplink at {}", socket.display()));
        // Whoever would read it is gone: the gateway ends.
        let _ = end.send(served);
    };
    std::thread::Builder::new()
        .name("tollgate-uplink".to_string())
        .spawn(serve)
        .context("start the thread of the uplink")?;
    Ok(tokio::spawn(async move {
        let served = ended.await;
        served.unwrap_or_else(|_| bail!("the thread of the uplink has panicked"))
    }))
}

fn extproc_socket(setup: &Setup) -> PathBuf {
    setup.folder.join("extproc.sock")
}

fn uplink_socket(setup: &Setup) -> PathBuf {
    setup.folder.join("uplink.sock")
}

/// How Envoy is to reach the engine.
pub(super) fn build_options(setup: &Setup) -> BuildOptions {
    let mut options = match &setup.engine {
        EngineChoice::ExtProc => BuildOptions::new(extproc_socket(setup)),
        EngineChoice::InEnvoy(_) => {
            let every = ledger::renew_every(&setup.store).as_millis();
            let every_ms = u64::try_from(every).unwrap_or(u64::MAX);
            BuildOptions::in_envoy(uplink_socket(setup), every_ms)
        }
    };
    options.body_bytes_max = setup.body_limit;
    options
}

/// Hands each bundle to those who serve by it.
async fn follow_bundles(
    mut bundles: watch::Receiver<Arc<Bundle>>,
    apply: impl Fn(&Arc<Bundle>) + Send,
) {
    loop {
        let bundle = Arc::clone(&bundles.borrow_and_update());
        apply(&bundle);
        if bundles.changed().await.is_err() {
            return;
        }
    }
}

// === impl EngineLook ===

impl EngineLook {
    /// Ids of the backends that are ejected now.
    pub(crate) fn ejected(&self) -> Vec<String> {
        match self {
            Self::Here(host) => host.ejected(),
            Self::InEnvoy(figures) => figures.borrow().ejected.clone(),
        }
    }

    /// Client calls in flight.
    pub(crate) fn in_flight(&self) -> usize {
        match self {
            Self::Here(host) => host.in_flight(),
            Self::InEnvoy(figures) => figures.borrow().in_flight,
        }
    }
}
