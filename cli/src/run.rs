//! `tollgate run`: the gateway in one process, and Envoy. Wires the parts; decides nothing.

pub(crate) mod ledger;
mod origin;
mod rate_limits;
mod shown;

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{signal::unix, sync::watch};
use tollgate_budget::Store;
use tollgate_controller::{
    infra::{
        envoy_binary::{EnvoySearch, find_envoy},
        runtime_dir::RuntimeDir,
    },
    reconcile::Inputs,
    standalone::{Applied, Standalone, StandaloneConfig},
};
use tollgate_extproc::{Host, HostConfig, Telemetry};
use tollgate_xds::BuildOptions;

use crate::{
    admin::{self, Budgets},
    admin_token::AdminToken,
    args::RunArgs,
    load, logging,
    metrics::{self, Metrics},
    output,
};
use ledger::RunningLedger;
use origin::Origin;

/// Connections of clients that may be open at a time.
const CONNECTIONS_MAX: u64 = 50_000;

/// At the end the calls that are cut are charged: counting what they generated takes a moment.
const SETTLE_LOOK_EVERY: Duration = Duration::from_millis(20);
/// So many looks without a change mean that all are.
const SETTLE_LOOKS_QUIET: u32 = 10;
const SETTLE_LOOKS_MAX: u32 = 100;

pub(crate) fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let _logs = logging::start(&args.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let done = runtime.block_on(serve(args));
    // Counting threads may be in the middle of a text; nobody waits for them.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done.map(|()| ExitCode::SUCCESS)
}

async fn serve(mut args: RunArgs) -> anyhow::Result<()> {
    load::require(&args.source.paths)?;
    if args.source.port == 0 {
        args.source.port = free_port(args.source.bind)?;
    }
    let budgets = RunningLedger::start(&args.store)?;
    let origin = Origin::find(&args.source.paths).await?;
    let options = load::options(
        args.source.port,
        args.source.bind,
        &args.source.provider_url,
    )?;
    let manifests = origin.manifests();
    let listeners = load::translated(&manifests, &options).gateway.listeners;
    let addresses: Vec<_> = listeners
        .iter()
        .map(|listener| SocketAddr::new(listener.address, listener.bind_port))
        .collect();
    require_free(&addresses)?;
    let admin_address = SocketAddr::new(args.admin_bind, args.admin_port);
    let admin_listener = admin::bind(admin_address).await?;
    let admin_address = admin_listener
        .local_addr()
        .context("read the admin address")?;
    let envoy = find_envoy(
        &EnvoySearch::from_environment(args.envoy.clone()),
        &output::error,
    )
    .await?;
    if let Some(version) = &envoy.other_version {
        tracing::warn!(%version, "this Envoy is not the version that Tollgate is tested with");
    }

    let folder = RuntimeDir::new().context("make a private folder")?;
    let socket = folder.path().join("extproc.sock");
    let metrics = Metrics::new()?;
    metrics::ledger::observe(&metrics.meter(), &budgets.ledger);
    let token = AdminToken::resolve(
        args.admin_token_file.as_deref(),
        folder.path(),
        admin_address.port(),
    )?;
    let store: Arc<dyn Store> = Arc::clone(&budgets.ledger) as Arc<dyn Store>;
    let host_config = HostConfig {
        body_bytes_max: args.body_limit,
        renew_every: args.store.renew_every(),
        ..HostConfig::default()
    };
    let host = Host::new(
        host_config,
        Arc::clone(&store),
        Telemetry::new(&metrics.meter()),
    );

    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = args.concurrency.map_or(cores, |threads| threads as usize);
    let (stop, stopped) = watch::channel(false);
    let extproc = tokio::spawn({
        let (host, socket, stopped) = (Arc::clone(&host), socket.clone(), stopped.clone());
        async move { tollgate_extproc::serve(host, &socket, threads, until(stopped)).await }
    });
    let renewal = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.renew_holds().await }
    });
    let mut build = BuildOptions::new(socket);
    build.body_bytes_max = args.body_limit;
    let (limits, ratelimit) = rate_limits::start(
        &build.ratelimit_socket,
        Arc::clone(&store),
        &metrics.meter(),
        threads,
        stopped.clone(),
    )
    .await?;
    let inputs = Inputs {
        manifests: manifests.clone(),
        environment: Arc::new(|name| std::env::var(name).ok()),
        options: options.clone(),
        build,
    };
    let mut standalone = Standalone::start(StandaloneConfig {
        inputs,
        runtime_dir: folder.path().to_path_buf(),
        envoy: envoy.path,
        concurrency: args.concurrency,
        envoy_log_level: "warning".to_string(),
        connections_max: CONNECTIONS_MAX,
        drain_max: Duration::from_secs(args.drain_timeout),
    })
    .await?;
    let bundles = standalone.bundle.clone();
    let routes = tokio::spawn(follow_bundles(
        Arc::clone(&host),
        limits,
        bundles,
        standalone.applied.clone(),
    ));
    let operated = Budgets {
        bundle: standalone.bundle.clone(),
        store,
    };
    let admin = tokio::spawn(admin::serve(
        admin_listener,
        shown::shown(
            metrics,
            &host,
            &standalone,
            budgets.look(),
            (operated, token),
        ),
        until(stopped),
    ));

    let ready = standalone.ready.clone();
    let failure = tokio::select! {
        signal = stop_signal() => signal.err(),
        error = standalone.failed() => Some(error),
        ended = extproc => Some(ended_early("the ext_proc service", ended)),
        ended = ratelimit => Some(ended_early("the rate limit service", ended)),
        ended = admin => Some(ended_early("the admin endpoint", ended)),
        error = announce(ready, addresses.first().copied(), admin_address, &origin) => Some(error),
    };
    tracing::info!("stopping: requests in flight are given time to end");
    let had_calls = host.in_flight() > 0;
    standalone.shutdown().await;
    if had_calls {
        last_settlements(&host, &budgets).await;
    }
    stop.send_replace(true);
    budgets.stop().await;
    routes.abort();
    renewal.abort();
    failure.map_or(Ok(()), Err)
}

/// Waits until the calls that were in flight have been charged: nothing has changed for a while.
async fn last_settlements(host: &Host, budgets: &RunningLedger) {
    let figures = || {
        let stats = budgets.ledger.stats();
        (host.in_flight(), stats.settled + stats.queue.queued)
    };
    let (mut last, mut quiet) = (figures(), 0);
    for _ in 0..SETTLE_LOOKS_MAX {
        tokio::time::sleep(SETTLE_LOOK_EVERY).await;
        let now = figures();
        quiet = if now == last && now.0 == 0 {
            quiet + 1
        } else {
            0
        };
        if quiet >= SETTLE_LOOKS_QUIET {
            return;
        }
        last = now;
    }
}

/// Says that the gateway serves, once it does. Never returns unless waiting becomes pointless.
async fn announce(
    mut ready: watch::Receiver<bool>,
    address: Option<SocketAddr>,
    admin: SocketAddr,
    origin: &Origin,
) -> anyhow::Error {
    if ready.wait_for(|ready| *ready).await.is_err() {
        return anyhow::anyhow!("the gateway ended before it was ready");
    }
    let reachable = |address: SocketAddr| {
        let mut address = address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    };
    match address.map(reachable) {
        Some(url) => {
            output::result(&format!("ready {url}/v1 (admin {})", reachable(admin)));
            if let Some(hint) = origin.hint(&url) {
                output::result(&hint);
            }
        }
        None => {
            output::result(&format!(
                "ready, but no listener is in effect (admin {})",
                reachable(admin)
            ));
        }
    }
    std::future::pending().await
}

async fn follow_bundles(
    host: Arc<Host>,
    limits: Arc<tollgate_ratelimit::Service>,
    mut bundles: watch::Receiver<Arc<tollgate_bundle::Bundle>>,
    applied: watch::Sender<Applied>,
) {
    loop {
        let bundle = Arc::clone(&bundles.borrow_and_update());
        host.apply(&bundle);
        limits.apply(&bundle.rate_limits);
        applied.send_replace(Some(bundle));
        if bundles.changed().await.is_err() {
            return;
        }
    }
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
    ended: Result<anyhow::Result<()>, tokio::task::JoinError>,
) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("{what} ended"),
        Ok(Err(error)) => error.context(format!("{what} failed")),
        Err(error) => anyhow::Error::from(error).context(format!("{what} failed")),
    }
}

/// Fails where another process listens already. Envoy would share the port with one of the same
/// user and get some of its connections.
fn require_free(addresses: &[SocketAddr]) -> anyhow::Result<()> {
    for address in addresses {
        match std::net::TcpListener::bind(address) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                anyhow::bail!(
                    "{address} is taken by another process; --port names another port for the gateway \
                     that is made when the manifests have none"
                );
            }
            // What else is wrong with an address is in its Gateway's status.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn free_port(bind: std::net::IpAddr) -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind((bind, 0)).context("find a free port")?;
    Ok(listener.local_addr()?.port())
}
