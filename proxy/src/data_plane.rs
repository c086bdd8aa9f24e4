//! The data plane: joins the xDS server, Envoy as a child, and the task that publishes. The engine
//! is the caller's: it gets its bundles here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};
use tollgate_bundle::Bundle;
use tollgate_ir as ir;
use tollgate_xds::{Admin, BootstrapOptions, BuildOptions, ServeError, serve};

use crate::effect::{Applied, Effect, EffectOutlets, Request, render};
use crate::infra::admin::EnvoyAdmin;
use crate::infra::envoy_process::{Drain, EnvoyConfig, EnvoyProcess, EnvoyState};
use crate::infra::start_file;
use crate::pin::Pinned;
use crate::publish::{Outlets, Publisher, Served};
use crate::ready::Readiness;

/// Longest wait for our own socket to be there.
const SOCKET_WAIT_MAX: Duration = Duration::from_secs(5);

/// What a data plane needs to know.
#[derive(Clone, Debug)]
pub struct DataPlaneConfig {
    /// What the Envoy calls itself.
    pub node: Node,
    /// Settings of the rendering. They say where the engine is, which is the caller's.
    pub build: BuildOptions,
    /// Private folder for sockets (see `infra::runtime_dir`); must outlive the data plane.
    pub runtime_dir: PathBuf,
    /// The Envoy to run.
    pub envoy: PathBuf,
    /// Folder of the engine's library, where it runs inside Envoy.
    pub modules: Option<PathBuf>,
    /// Worker threads of Envoy; `None`: one for each CPU.
    pub concurrency: Option<u32>,
    /// As Envoy names it: `info`, `warning`, …
    pub envoy_log_level: String,
    /// Connections of clients that may be open at a time.
    pub connections_max: u64,
    /// How long Envoy serves on once we stop.
    pub drain: Drain,
}

/// What an Envoy calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Unique among the proxies of a gateway.
    pub id: String,
    /// The gateway.
    pub cluster: String,
}

/// A running data plane. Dropping it kills Envoy; [`DataPlane::shutdown`] drains it first.
#[derive(Debug)]
pub struct DataPlane {
    /// What the engine serves. It has its first value before this exists.
    pub bundle: watch::Receiver<Arc<Bundle>>,
    /// Where the caller tells which of these the engine serves.
    pub served: watch::Sender<Served>,
    /// What came of the newest gateway; `None` until Envoy has spoken for the first time.
    pub outcome: watch::Receiver<Option<Applied>>,
    /// Whether Envoy has the configuration and its listeners are up.
    pub ready: watch::Receiver<bool>,
    /// What becomes of the Envoy process.
    pub envoy: watch::Receiver<EnvoyState>,
    applier: Applier,
    process: EnvoyProcess,
    drain: Drain,
    xds: JoinHandle<Result<(), ServeError>>,
    xds_stop: oneshot::Sender<()>,
    effect: JoinHandle<()>,
    readiness: JoinHandle<()>,
}

/// Hands gateways to a data plane.
#[derive(Clone, Debug)]
pub struct Applier {
    requests: mpsc::Sender<Request>,
}

/// The data plane has ended; nothing can be brought into effect any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data plane has ended")]
pub struct Ended;

// === impl DataPlane ===

impl DataPlane {
    /// Starts Envoy with `first` as its configuration.
    ///
    /// # Errors
    /// When a socket or a file of our own cannot be made. What Envoy refuses is no error: it is in
    /// the outcome.
    pub async fn start(
        config: DataPlaneConfig,
        first: impl Into<Arc<ir::Gateway>>,
    ) -> anyhow::Result<Self> {
        let DataPlaneConfig {
            node,
            build,
            runtime_dir,
            envoy,
            modules,
            concurrency,
            envoy_log_level,
            connections_max,
            drain,
        } = config;
        let first = Pinned::new(first.into());
        let settings = first.gateway.bootstrap.clone();
        let desired = render(&first.gateway, &build);
        let rendered = desired.resources.clone();
        let (publisher, outlets) = Publisher::new(desired);
        let Outlets {
            snapshots,
            progress,
            bundles,
            served,
        } = outlets;
        let progress_rx = progress.subscribe();
        let (effect, effect_outlets) = Effect::new(publisher, (first, rendered), build);
        let EffectOutlets {
            requests,
            outcome,
            listening,
        } = effect_outlets;

        let xds_socket = runtime_dir.join("xds.sock");
        let (xds_stop, stopped) = oneshot::channel::<()>();
        let path = xds_socket.clone();
        let xds = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            serve(&path, snapshots, progress, stopped).await
        });
        wait_for(&xds_socket, &xds).await?;

        let admin_socket = runtime_dir.join("admin.sock");
        let admin = EnvoyAdmin::new(&admin_socket)
            .context("cannot make a client for Envoy's admin interface")?;
        let options = BootstrapOptions {
            node_id: node.id,
            node_cluster: node.cluster,
            xds_socket,
            admin: Admin::Socket(admin_socket.clone()),
            connections_max,
        };
        let (bootstrap, refused) =
            start_file::write(&runtime_dir, &options, (&settings, &envoy)).await?;
        let process = EnvoyProcess::start(EnvoyConfig {
            binary: envoy,
            bootstrap,
            admin_socket,
            concurrency,
            log_level: envoy_log_level,
            drain_max: drain.max,
            modules,
        });

        let (ready_tx, ready) = watch::channel(false);
        let readiness = Readiness {
            envoy: process.state(),
            progress: progress_rx,
            listening,
            admin,
        };
        Ok(Self {
            bundle: bundles,
            served,
            outcome,
            ready,
            envoy: process.state(),
            applier: Applier { requests },
            process,
            drain,
            xds,
            xds_stop,
            effect: tokio::spawn(effect.with_refused(refused).run()),
            readiness: tokio::spawn(readiness.follow(ready_tx)),
        })
    }

    /// See [`Applier::apply`].
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn apply(&self, gateway: impl Into<Arc<ir::Gateway>>) -> Result<Applied, Ended> {
        self.applier.apply(gateway).await
    }

    /// For a task of its own that hands gateways over.
    pub fn applier(&self) -> Applier {
        self.applier.clone()
    }

    /// Returns when a part that must live has ended, with its name: the caller should exit.
    pub async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            ended = &mut self.xds => match ended {
                Ok(Err(error)) => anyhow::Error::new(error).context("the xds server ended"),
                other => ended_early("the xds server", other.map(drop)),
            },
            ended = &mut self.effect => ended_early("the task that publishes", ended),
        }
    }

    /// Lets requests under way end, ends Envoy, then everything else. Bounded by the drain and a
    /// few seconds. Until Envoy ends gateways still come into effect.
    pub async fn shutdown(self) {
        let Self {
            process,
            drain,
            xds_stop,
            effect,
            readiness,
            ..
        } = self;
        process.shutdown(drain).await;
        effect.abort();
        readiness.abort();
        // Envoy is gone, so no stream keeps the server; nobody waits for it if one did.
        drop(xds_stop);
    }
}

// === impl Applier ===

impl Applier {
    /// Brings a gateway into effect; returns when Envoy and the engine serve it, or have not
    /// answered in time. What Envoy refuses stands aside, and all else is served. A gateway that is
    /// in effect already costs a comparison.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn apply(&self, gateway: impl Into<Arc<ir::Gateway>>) -> Result<Applied, Ended> {
        let (done, applied) = oneshot::channel();
        let gateway = gateway.into();
        let request = Request { gateway, done };
        self.requests.send(request).await.map_err(|_| Ended)?;
        applied.await.map_err(|_| Ended)
    }
}

fn ended_early(what: &str, ended: Result<(), JoinError>) -> anyhow::Error {
    match ended {
        Ok(()) => anyhow::anyhow!("{what} ended"),
        Err(error) => anyhow::Error::new(error).context(format!("{what} ended")),
    }
}

/// Envoy waits a second before it asks again at a socket that is not there.
async fn wait_for(
    socket: &Path,
    server: &JoinHandle<Result<(), ServeError>>,
) -> anyhow::Result<()> {
    let there = async {
        while !socket.exists() && !server.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOCKET_WAIT_MAX, there)
        .await
        .with_context(|| format!("{} does not appear", socket.display()))?;
    anyhow::ensure!(
        socket.exists(),
        "the xds server cannot listen at {}",
        socket.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests;
