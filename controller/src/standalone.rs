//! Standalone mode: one machine, one Envoy, manifests from files. Starts the parts and joins
//! them; `cli` adds the ext_proc service and the admin port.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tollgate_bundle::Bundle;
use tollgate_xds::{Admin, BootstrapOptions, ServeError, bootstrap, serve};

use crate::infra::admin::EnvoyAdmin;
use crate::infra::envoy_process::{EnvoyConfig, EnvoyProcess, EnvoyState};
pub use crate::publish::Applied;
use crate::publish::{Outlets, Publisher};
use crate::ready::Readiness;
use crate::reconcile::{Inputs, Reconciler, Report, evaluate, publish_report, refused};
use crate::source::folder::Manifests;
use crate::source::watch::{FileChanges, WatchTiming, watch_paths};

/// Longest wait for our own socket to be there.
const SOCKET_WAIT_MAX: Duration = Duration::from_secs(5);

/// What standalone mode needs to know.
#[derive(Clone)]
pub struct StandaloneConfig {
    /// What the configuration is made from. `build.extproc_socket` is where the caller's ext_proc
    /// service listens.
    pub inputs: Inputs,
    /// Private folder for sockets (see `infra::runtime_dir`); must outlive the handle.
    pub runtime_dir: PathBuf,
    /// The Envoy to run.
    pub envoy: PathBuf,
    /// Worker threads of Envoy; `None`: one for each CPU.
    pub concurrency: Option<u32>,
    /// As Envoy names it: `info`, `warning`, …
    pub envoy_log_level: String,
    /// Connections of clients that may be open at a time.
    pub connections_max: u64,
    /// How long requests under way may take to end once we stop.
    pub drain_max: Duration,
}

/// A running gateway. Dropping it kills Envoy; [`Standalone::shutdown`] drains it first.
#[derive(Debug)]
pub struct Standalone {
    /// What the engine serves. It has its first value before this exists.
    pub bundle: watch::Receiver<Arc<Bundle>>,
    /// Where the caller tells which of these the engine serves.
    pub applied: watch::Sender<Applied>,
    /// What became of the manifests.
    pub report: watch::Receiver<Arc<Report>>,
    /// Whether Envoy has the configuration and its listeners are up.
    pub ready: watch::Receiver<bool>,
    /// What becomes of the Envoy process.
    pub envoy: watch::Receiver<EnvoyState>,
    process: EnvoyProcess,
    drain_max: Duration,
    xds: JoinHandle<Result<(), ServeError>>,
    xds_stop: oneshot::Sender<()>,
    reconciler: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
}

// === impl Standalone ===

impl Standalone {
    /// Reads the manifests, starts Envoy, and follows the manifests from then on.
    ///
    /// # Errors
    /// When a socket or a file of our own cannot be made. A mistake in the manifests is no error:
    /// it is in the report.
    pub async fn start(config: StandaloneConfig) -> anyhow::Result<Self> {
        let StandaloneConfig {
            inputs,
            runtime_dir,
            envoy,
            concurrency,
            envoy_log_level,
            connections_max,
            drain_max,
        } = config;
        // Watched before they are read, so that no change falls between.
        let changes = watch_manifests(&inputs.manifests);
        let first = {
            let inputs = inputs.clone();
            tokio::task::spawn_blocking(move || evaluate(&inputs))
                .await
                .context("cannot read the manifests")?
        };
        let (report_tx, report) = watch::channel(Arc::new(Report::default()));
        publish_report(&report_tx, first.report);
        let (
            publisher,
            Outlets {
                snapshots,
                progress,
                bundles,
                applied,
            },
        ) = Publisher::new(first.desired);

        let xds_socket = runtime_dir.join("xds.sock");
        let progress_rx = progress.subscribe();
        let (xds_stop, stopped) = oneshot::channel::<()>();
        let path = xds_socket.clone();
        let xds = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            serve(&path, snapshots, progress, stopped).await
        });
        wait_for(&xds_socket, &xds).await?;

        let admin_socket = runtime_dir.join("admin.sock");
        let bootstrap_file = runtime_dir.join("bootstrap.json");
        let text = bootstrap(&BootstrapOptions {
            node_id: "tollgate-standalone".to_string(),
            node_cluster: "standalone".to_string(),
            xds_socket,
            admin: Admin::Socket(admin_socket.clone()),
            connections_max,
        });
        std::fs::write(&bootstrap_file, text.to_string())
            .with_context(|| format!("cannot write {}", bootstrap_file.display()))?;
        let admin = EnvoyAdmin::new(&admin_socket)
            .context("cannot make a client for Envoy's admin interface")?;
        let process = EnvoyProcess::start(EnvoyConfig {
            binary: envoy,
            bootstrap: bootstrap_file,
            admin_socket,
            concurrency,
            log_level: envoy_log_level,
            drain_max,
        });

        let (ready_tx, ready) = watch::channel(false);
        let readiness = Readiness {
            envoy: process.state(),
            progress: progress_rx.clone(),
            admin,
        };
        let background = vec![
            tokio::spawn(readiness.follow(ready_tx)),
            tokio::spawn(report_first_rejection(progress_rx, report_tx.clone())),
        ];
        let reconciler = Reconciler {
            inputs,
            changes,
            publisher,
            report: report_tx,
        };
        Ok(Self {
            bundle: bundles,
            applied,
            report,
            ready,
            envoy: process.state(),
            process,
            drain_max,
            xds,
            xds_stop,
            reconciler: tokio::spawn(reconciler.run()),
            background,
        })
    }

    /// Returns when a part that must live has ended, with its name: the caller should exit.
    pub async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            ended = &mut self.xds => match ended {
                Ok(Err(error)) => anyhow::Error::new(error).context("the xds server ended"),
                Ok(Ok(())) => anyhow::anyhow!("the xds server ended"),
                Err(error) => anyhow::Error::new(error).context("the xds server ended"),
            },
            ended = &mut self.reconciler => match ended {
                Ok(()) => anyhow::anyhow!("the reconcile loop ended"),
                Err(error) => anyhow::Error::new(error).context("the reconcile loop ended"),
            },
        }
    }

    /// Lets requests under way end, ends Envoy, then everything else. Bounded by `drain_max` and
    /// a few seconds.
    pub async fn shutdown(self) {
        let Self {
            process,
            drain_max,
            xds_stop,
            reconciler,
            background,
            ..
        } = self;
        reconciler.abort();
        process.shutdown(drain_max).await;
        for task in background {
            task.abort();
        }
        // Envoy is gone, so no stream keeps the server; nobody waits for it if one did.
        drop(xds_stop);
    }
}

fn watch_manifests(manifests: &Manifests) -> Option<FileChanges> {
    match manifests {
        Manifests::Paths(paths) => Some(watch_paths(paths.clone(), WatchTiming::default())),
        Manifests::Text { .. } => None,
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

/// Of the first configuration nobody waits for Envoy's word; a refusal of it is told here.
async fn report_first_rejection(
    mut progress: watch::Receiver<tollgate_xds::Progress>,
    reports: watch::Sender<Arc<Report>>,
) {
    let answered =
        progress.wait_for(|progress| progress.live.is_some() || progress.rejection.is_some());
    let Some(rejection) = answered
        .await
        .ok()
        .and_then(|progress| progress.rejection.clone())
    else {
        return;
    };
    let mut report = Report::clone(&reports.borrow());
    report.problems.push(refused(&rejection));
    publish_report(&reports, report);
}

#[cfg(test)]
mod tests;
