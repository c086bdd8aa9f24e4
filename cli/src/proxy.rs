//! `tollgate proxy`: the data plane of one gateway in a cluster. Follows the gateway at the
//! controller, and serves the last configuration while no controller is there. Wires the parts;
//! decides nothing.

mod following;
mod stage;
mod telemetry;

use std::{pin::pin, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{net::TcpListener, sync::watch};
use tollgate_link::{FollowConfig, Following, Snapshot, TlsFiles, follow};
use tollgate_proxy::{
    Node,
    infra::{
        envoy_binary::{EnvoySearch, find_envoy},
        envoy_process::Drain,
        runtime_dir::RuntimeDir,
    },
};

use crate::{
    admin,
    admin_token::AdminToken,
    args::ProxyArgs,
    engine, logging,
    metrics::Metrics,
    misuse::Misuse,
    observe::{self, Observed},
    output,
    runtime::run_to_end,
    serving::{
        AdminEnd, Serving, Setup, ended_early,
        ledger::{Replicas, RunningLedger},
        stop_signal, until,
    },
};
use stage::Stage;
use telemetry::Figures;

pub(crate) fn proxy(args: ProxyArgs) -> anyhow::Result<ExitCode> {
    let _logs = logging::start(&args.log)?;
    run_to_end(serve(args))
}

async fn serve(args: ProxyArgs) -> anyhow::Result<()> {
    let metrics = Metrics::new()?;
    let stage = Arc::new(Stage::default());
    let (stop, stopped) = watch::channel(false);
    let listener = TcpListener::bind(args.endpoints.observe_bind)
        .await
        .with_context(|| format!("listen on {} (--observe-bind)", args.endpoints.observe_bind))?;
    let observed = Observed {
        metrics: metrics.clone(),
        ready: stage.ready(),
    };
    let mut observing = tokio::spawn(observe::serve(listener, observed, until(stopped)));

    let (mut following, link) = follow(follow_config(&args)?, None);
    let figures = Figures::observe(&metrics.meter(), following.connection.clone());
    let link = tokio::spawn(link);
    // One for the whole life: a signal that comes while nobody waits is not lost.
    let mut signal = pin!(stop_signal());
    let first = tokio::select! {
        signal = &mut signal => return signal,
        ended = &mut observing => return Err(ended_early("the observation endpoint", ended)),
        first = first_state(&mut following) => first?,
    };
    let runtime_dir = &args.runtime_dir;
    let folder = RuntimeDir::new_in(runtime_dir)
        .with_context(|| format!("make a private folder in {}", runtime_dir.display()))?;
    let setup = setup(&args, &first, &folder, metrics).await?;
    let mut serving = Serving::start(setup, Arc::clone(&first.gateway)).await?;
    let plane = &serving.plane;
    stage.serves(plane.ready.clone(), plane.envoy.clone());
    let (applier, outcome) = (plane.applier(), plane.outcome.clone());
    let mut applying = tokio::spawn(following::run(
        following,
        (applier, outcome),
        first,
        figures,
    ));
    let failure = tokio::select! {
        signal = &mut signal => signal.err(),
        error = serving.failed() => Some(error),
        ended = &mut applying => Some(match ended {
            Ok(ended) => anyhow::Error::from(ended),
            Err(error) => anyhow::Error::from(error).context("the task that applies ended"),
        }),
        ended = &mut observing => Some(ended_early("the observation endpoint", ended)),
    };
    // Changes come into effect to the end: endpoints come and go while this drains.
    serving.stop().await;
    applying.abort();
    link.abort();
    stop.send_replace(true);
    failure.map_or(Ok(()), Err)
}

fn follow_config(args: &ProxyArgs) -> anyhow::Result<FollowConfig> {
    let ProxyArgs {
        gateway,
        controller,
        identity,
        pod,
        ..
    } = args;
    let uri = controller
        .parse()
        .map_err(|error| Misuse(format!("--controller {controller}: {error}")))?;
    Ok(FollowConfig {
        gateway: gateway.clone(),
        pod: pod.clone(),
        controller: uri,
        files: TlsFiles {
            certificate: identity.join("tls.crt"),
            key: identity.join("tls.key"),
            ca: identity.join("ca.crt"),
        },
    })
}

/// Waits for the first configuration, however long it takes: without one there is nothing to serve.
async fn first_state(following: &mut Following) -> anyhow::Result<Arc<Snapshot>> {
    let state = following.state.wait_for(Option::is_some).await;
    let state = state.context("the link to the controller ended")?.clone();
    state.context("the link to the controller gives nothing")
}

async fn setup(
    args: &ProxyArgs,
    first: &Snapshot,
    folder: &RuntimeDir,
    metrics: Metrics,
) -> anyhow::Result<Setup> {
    let search = EnvoySearch::from_environment(args.envoy.clone());
    let envoy = find_envoy(&search, &output::error).await?;
    let listener = admin::bind(args.endpoints.admin_bind).await?;
    let port = listener
        .local_addr()
        .context("read the admin address")?
        .port();
    let token = AdminToken::resolve(args.admin_token_file.as_deref(), folder.path(), port)?;
    let store = first.settings.store.clone();
    let gateway = args.gateway.uri();
    let own = serde_json::Map::from_iter([("gateway".to_string(), gateway.clone().into())]);
    let max = Duration::from_secs(args.drain_max);
    Ok(Setup {
        node: Node {
            id: args.pod.clone(),
            cluster: gateway,
        },
        folder: folder.path().to_path_buf(),
        ledger: RunningLedger::start(&store, Replicas::Many)?,
        store,
        metrics,
        admin: AdminEnd {
            listener,
            token,
            own: Arc::new(move || own.clone()),
        },
        engine: engine::choose(&args.engine, &envoy)?,
        envoy: envoy.path,
        envoy_log_level: args.envoy_log_level.clone(),
        concurrency: args.concurrency,
        body_limit: args.body_limit,
        drain: Drain {
            min: max.min(Duration::from_secs(args.drain_min)),
            max,
        },
    })
}
