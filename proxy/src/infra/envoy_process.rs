//! Envoy as a supervised child: started, logged, restarted when it dies, drained at the end.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::admin::EnvoyAdmin;
use super::backoff::Backoff;
use super::guard::Guard;
use super::log_lines::{LOG_FORMAT, forward_log};

/// Milliseconds after which lines of access logs are written, if they do not fill a buffer before.
const LOG_FLUSH_MS: &str = "1000";
/// Time between two looks at the requests still open.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// How long Envoy may take to end after SIGTERM.
const TERM_WAIT_MAX: Duration = Duration::from_secs(3);

/// How to run Envoy.
#[derive(Clone, Debug)]
pub struct EnvoyConfig {
    /// The executable.
    pub binary: PathBuf,
    /// Its bootstrap file (`.json` or `.yaml`).
    pub bootstrap: PathBuf,
    /// The Unix socket of the admin interface that the bootstrap asks for.
    pub admin_socket: PathBuf,
    /// Worker threads; `None`: one for each CPU.
    pub concurrency: Option<u32>,
    /// As Envoy names it: `info`, `debug`, `warning`, …
    pub log_level: String,
    /// How long open requests may take to end once we stop.
    pub drain_max: Duration,
    /// Folder of the dynamic modules that its configuration names.
    pub modules: Option<PathBuf>,
}

/// How long Envoy serves on once we stop.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// Its ports stay open for at least so long, with clients told to leave: who chooses among
    /// several proxies needs time to see that this one is going. Zero where nobody chooses.
    pub min: Duration,
    /// How long open requests may take to end.
    pub max: Duration,
}

/// What became of Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvoyState {
    /// About to be started.
    Starting,
    /// Started.
    Running {
        /// Its process id.
        pid: u32,
    },
    /// It is about to end: it serves, and says that it will not for long.
    Draining,
    /// It died (or could not be started) and is started again after a pause.
    Backoff {
        /// The pause.
        pause: Duration,
    },
    /// We ended it.
    Stopped,
}

/// A supervised Envoy. Dropping it kills Envoy; [`EnvoyProcess::shutdown`] drains it first.
#[derive(Debug)]
pub struct EnvoyProcess {
    state: watch::Receiver<EnvoyState>,
    stop: watch::Sender<Option<Stop>>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
struct Stop {
    /// No port is closed before, unless `end` comes first.
    close: Instant,
    end: Instant,
}

struct Supervisor {
    config: EnvoyConfig,
    admin: Option<EnvoyAdmin>,
    state: watch::Sender<EnvoyState>,
    stop: watch::Receiver<Option<Stop>>,
}

// === impl EnvoyProcess ===

impl EnvoyProcess {
    /// Starts Envoy and keeps it running until [`EnvoyProcess::shutdown`].
    pub fn start(config: EnvoyConfig) -> Self {
        let (state_tx, state) = watch::channel(EnvoyState::Starting);
        let (stop, stop_rx) = watch::channel(None);
        let admin = EnvoyAdmin::new(&config.admin_socket)
            .inspect_err(|error| tracing::warn!(%error, "no client for Envoy's admin interface; it will not be drained"))
            .ok();
        let supervisor = Supervisor {
            config,
            admin,
            state: state_tx,
            stop: stop_rx,
        };
        let task = tokio::spawn(supervisor.run());
        Self { state, stop, task }
    }

    /// What becomes of Envoy, as it happens.
    pub fn state(&self) -> watch::Receiver<EnvoyState> {
        self.state.clone()
    }

    /// Lets open requests end, within the bounds of the drain, and ends Envoy.
    pub async fn shutdown(mut self, drain: Drain) {
        let now = Instant::now();
        let end = now + drain.max;
        let close = end.min(now + drain.min);
        self.stop.send_replace(Some(Stop { close, end }));
        let bound = drain.max + TERM_WAIT_MAX + TERM_WAIT_MAX;
        if timeout(bound, &mut self.task).await.is_err() {
            tracing::error!("envoy's supervisor does not end; envoy is killed");
        }
    }
}

impl Drop for EnvoyProcess {
    fn drop(&mut self) {
        // Dropping the task drops the child, which is killed on drop.
        self.task.abort();
    }
}

// === impl Supervisor ===

impl Supervisor {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        while self.stop.borrow().is_none() {
            self.state.send_replace(EnvoyState::Starting);
            let started = Instant::now();
            if self.run_once().await.is_stopped() {
                break;
            }
            let pause = backoff.after_run(started.elapsed());
            self.state.send_replace(EnvoyState::Backoff { pause });
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.stop.changed() => {}
            }
        }
        self.state.send_replace(EnvoyState::Stopped);
    }

    /// One life of Envoy.
    async fn run_once(&mut self) -> Ended {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let binary = self.config.binary.display();
                tracing::error!(%binary, %error, "envoy cannot be started");
                return Ended::Died;
            }
        };
        let pid = child.id().unwrap_or_default();
        let guard = Guard::start(pid)
            .inspect_err(
                |error| tracing::warn!(%error, "envoy would outlive a kill of this process"),
            )
            .ok();
        tracing::info!(pid, "envoy is started");
        self.state.send_replace(EnvoyState::Running { pid });
        let ended = tokio::select! {
            status = child.wait() => {
                match status {
                    Ok(status) => tracing::error!(pid, %status, "envoy died; it is started again"),
                    Err(error) => tracing::error!(pid, %error, "envoy is lost; it is started again"),
                }
                Ended::Died
            }
            stop = stopped(&mut self.stop) => {
                self.end(&mut child, pid, stop).await;
                Ended::Stopped
            }
        };
        if let Some(guard) = guard {
            guard.stop().await;
        }
        ended
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let EnvoyConfig {
            binary,
            bootstrap,
            admin_socket: _,
            concurrency,
            log_level,
            drain_max,
            modules,
        } = &self.config;
        let mut command = Command::new(binary);
        command
            .arg("--config-path")
            .arg(bootstrap)
            // Hot restart shares memory under a number that two gateways would fight for.
            .arg("--disable-hot-restart")
            .args(["--log-level", log_level, "--log-format", LOG_FORMAT])
            .args(["--file-flush-interval-msec", LOG_FLUSH_MS])
            // In a drain every answer asks the client to leave, not a growing share of them.
            // All configuration is ours, made with types of Envoy's own: looking through each
            // message for fields that are deprecated or unknown tells nothing, and is a third of
            // what a route table costs.
            .args(["--skip-deprecated-logs", "--ignore-unknown-dynamic-fields"])
            .args(["--drain-strategy", "immediate", "--drain-time-s"])
            .arg(drain_max.as_secs().max(1).to_string());
        if let Some(concurrency) = concurrency {
            command.args(["--concurrency", &concurrency.to_string()]);
        }
        if let Some(modules) = modules {
            command.env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", modules);
        }
        let mut child = command
            .stdin(Stdio::null())
            // Access logs go there, as they are; Envoy itself writes nothing to it.
            .stdout(Stdio::inherit())
            .stderr(Stdio::piped())
            // A Ctrl-C in our terminal is for us, who drain; Envoy would drop everything.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward_log(stderr));
        }
        Ok(child)
    }

    /// Drains and ends a running Envoy.
    async fn end(&self, child: &mut Child, pid: u32, stop: Stop) {
        self.state.send_replace(EnvoyState::Draining);
        tokio::select! {
            _ = child.wait() => {
                tracing::warn!(pid, "envoy ended before it was drained");
                return;
            }
            () = self.drain(stop) => {}
        }
        if let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw)
            && let Err(error) = kill_process(target, Signal::TERM)
        {
            tracing::debug!(pid, %error, "envoy cannot be told to end");
        }
        match timeout(TERM_WAIT_MAX, child.wait()).await {
            Ok(_) => tracing::info!(pid, "envoy has ended"),
            Err(_) => {
                tracing::warn!(pid, "envoy does not end; it is killed");
                if let Err(error) = child.kill().await {
                    tracing::error!(pid, %error, "envoy cannot be killed");
                }
            }
        }
    }

    /// Returns when no request is open and the ports may close, or at the end of the drain.
    async fn drain(&self, stop: Stop) {
        let Some(admin) = &self.admin else { return };
        // Clients with open connections are told to leave while new ones are still served; then
        // the ports are closed, and what came in between may end too.
        for request in [
            "/healthcheck/fail",
            "/drain_listeners?graceful&skip_exit",
            "/drain_listeners",
        ] {
            if let Err(error) = admin.post(request).await {
                // It has not come up yet, or is stuck: there is nothing to wait for.
                tracing::debug!(%error, request, "envoy does not take part in its drain");
                return;
            }
            match request {
                "/healthcheck/fail" => {}
                "/drain_listeners?graceful&skip_exit" => {
                    sleep_until(stop.close).await;
                    until_idle(admin, stop.end).await;
                }
                _ => until_idle(admin, stop.end).await,
            }
        }
    }
}

/// How a life of Envoy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Died,
    Stopped,
}

// === impl Ended ===

impl Ended {
    fn is_stopped(self) -> bool {
        self == Self::Stopped
    }
}

// === impl Stop ===

impl Stop {
    fn at_once() -> Self {
        let now = Instant::now();
        Self {
            close: now,
            end: now,
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    match stop.wait_for(Option::is_some).await {
        Ok(stop) => stop.unwrap_or_else(Stop::at_once),
        // The owner is gone without a word: no drain.
        Err(_) => Stop::at_once(),
    }
}

async fn until_idle(admin: &EnvoyAdmin, end: Instant) {
    loop {
        match admin.active_requests().await {
            Ok(0) => return,
            Ok(open) if Instant::now() >= end => {
                tracing::warn!(open, "requests are cut off: they did not end in time");
                return;
            }
            Ok(_) => sleep(DRAIN_LOOK).await,
            Err(error) => {
                tracing::debug!(%error, "envoy does not say what is open");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
