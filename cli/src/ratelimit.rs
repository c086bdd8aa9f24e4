//! `tollgate ratelimit`: the rate limit service alone, for Envoys that somebody else runs. Wires
//! the parts; decides nothing.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use serde_json::json;
use tokio::sync::watch;
use tollgate_budget::{Clock, Store};
use tollgate_bundle::Bundle;
use tollgate_controller::{
    problem::Problem,
    source::{
        folder::Manifests,
        watch::{FileChanges, WatchTiming, watch_paths},
    },
};
use tollgate_proxy::infra::runtime_dir::RuntimeDir;
use tollgate_ratelimit::{Listen, Service, Telemetry};
use tollgate_translate::Options;

use crate::{
    admin::{self, Budgets, Shown},
    admin_token::AdminToken,
    args::RateLimitArgs,
    load, logging,
    metrics::{self, Metrics},
    observe::Observed,
    output,
    runtime::run_to_end,
    serving::{
        ended_early,
        ledger::{LedgerLook, Replicas, RunningLedger},
        stop_signal, until,
    },
};

/// The gateway's own port, which nothing listens on here.
const GATEWAY_PORT: u16 = 1975;

pub(crate) fn ratelimit(args: RateLimitArgs) -> anyhow::Result<ExitCode> {
    let _logs = logging::start(&args.log)?;
    run_to_end(serve(args))
}

async fn serve(args: RateLimitArgs) -> anyhow::Result<()> {
    load::require(&args.config)?;
    let ledger = RunningLedger::start(&args.store.settings()?, Replicas::One)?;
    // Watched before they are read, so that no change falls between.
    let changes = watch_paths(args.config.clone(), WatchTiming::default());
    let mut source = Source::new(args.config.clone())?;
    let bundles = watch::Sender::new(Arc::new(source.read().await?));
    let metrics = Metrics::new()?;
    metrics::ledger::observe(&metrics.meter(), &ledger.ledger);
    let telemetry = Telemetry::new(&metrics.meter());
    let store = Arc::clone(&ledger.ledger) as Arc<dyn Store>;
    let clock = Clock::system();
    let service = Service::new(Arc::clone(&store), clock, args.headers.into(), telemetry);
    service.apply(&bundles.borrow().rate_limits);

    let admin_address = SocketAddr::new(args.admin_bind, args.admin_port);
    let admin_listener = admin::bind(admin_address).await?;
    let admin_address = admin_listener
        .local_addr()
        .context("read the admin address")?;
    let folder = RuntimeDir::new().context("make a private folder")?;
    let token = AdminToken::resolve(
        args.admin_token_file.as_deref(),
        folder.path(),
        admin_address.port(),
    )?;
    let operated = Budgets {
        bundle: bundles.subscribe(),
        store,
    };
    let shown = shown(metrics, &service, ledger.look(), (operated, token));
    let listener = args.listen.bind().await?;
    let address = listener.address().clone();
    warn_of_open_address(&address);

    let (stop, stopped) = watch::channel(false);
    let threads = args.threads.unwrap_or_else(cores);
    let mut server = tokio::spawn(tollgate_ratelimit::serve(
        Arc::clone(&service),
        listener,
        threads,
        until(stopped.clone()),
    ));
    let admin = tokio::spawn(admin::serve(admin_listener, shown, until(stopped)));
    let following = tokio::spawn(follow(changes, source, service, bundles));
    output::result(&format!("ready {address} (admin http://{admin_address})"));

    let failure = tokio::select! {
        signal = stop_signal() => signal.err(),
        ended = &mut server => Some(ended_early("the rate limit service", ended)),
        ended = admin => Some(ended_early("the admin endpoint", ended)),
    };
    tracing::info!("stopping: requests in flight are given time to end");
    stop.send_replace(true);
    following.abort();
    if !server.is_finished() {
        server.await.context("wait for requests in flight")??;
    }
    ledger.stop().await;
    failure.map_or(Ok(()), Err)
}

/// Applies the limits of the manifests whenever those change.
async fn follow(
    mut changes: FileChanges,
    mut source: Source,
    service: Arc<Service>,
    bundles: watch::Sender<Arc<Bundle>>,
) {
    loop {
        changes.changed().await;
        match source.read().await {
            Ok(bundle) => {
                service.apply(&bundle.rate_limits);
                bundles.send_replace(Arc::new(bundle));
                tracing::info!("configuration is in effect");
            }
            Err(error) => {
                tracing::error!(%error, "the manifests could not be evaluated; what was in effect stays");
            }
        }
    }
}

/// Where limits come from.
struct Source {
    manifests: Manifests,
    options: Options,
    /// Problems that were told already.
    told: Vec<Problem>,
}

// === impl Source ===

impl Source {
    fn new(paths: Vec<PathBuf>) -> anyhow::Result<Self> {
        Ok(Self {
            manifests: Manifests::Paths(paths),
            options: load::options(GATEWAY_PORT, Ipv4Addr::LOCALHOST.into(), &[])?,
            told: Vec::new(),
        })
    }

    async fn read(&mut self) -> anyhow::Result<Bundle> {
        let (manifests, options) = (self.manifests.clone(), self.options.clone());
        let read = move || load::translated(&manifests, &options);
        let translated = tokio::task::spawn_blocking(read)
            .await
            .context("read the manifests")?;
        let problems = translated.problems;
        for problem in problems.iter().filter(|new| !self.told.contains(new)) {
            problem.log();
        }
        self.told = problems;
        let bundle = translated.gateway.bundle();
        if bundle.rate_limits.is_empty() {
            tracing::warn!("the manifests have no rate limits in effect: every request is served");
        }
        Ok(bundle)
    }
}

fn shown(
    metrics: Metrics,
    service: &Arc<Service>,
    ledger: LedgerLook,
    budgets: (Budgets, AdminToken),
) -> Shown {
    let bundle = budgets.0.bundle.clone();
    let service = Arc::clone(service);
    let store = ledger.clone();
    Shown {
        observed: Observed {
            metrics,
            ready: Arc::new(move || match service.is_serving() {
                true => Ok(format!("ready; {}", store.words())),
                false => Err("not ready: the service is stopping".to_string()),
            }),
        },
        budgets,
        status: Box::new(move || {
            json!({
                "rateLimits": bundle.borrow().rate_limits,
                "ledger": ledger.status(),
            })
        }),
    }
}

fn warn_of_open_address(address: &Listen) {
    if let Listen::Tcp(address) = address
        && !address.ip().is_loopback()
    {
        tracing::warn!(
            %address,
            "the rate limit service listens on the network without TLS: whoever reaches it can \
             spend everybody's limits"
        );
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
