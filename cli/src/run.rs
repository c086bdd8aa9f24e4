//! `tollgate run`: the gateway in one process, and Envoy, by manifests of this machine. Wires the
//! parts; decides nothing.

mod announce;
mod manifests;
mod origin;

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::net::TcpListener;
use tollgate_controller::standalone::{Inputs, Standalone};
use tollgate_ir as ir;
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
    args::RunArgs,
    engine, load, logging,
    metrics::Metrics,
    output,
    runtime::run_to_end,
    serving::{
        AdminEnd, Serving, Setup,
        ledger::{Replicas, RunningLedger},
        stop_signal,
    },
};
use origin::Origin;

pub(crate) fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let _logs = logging::start(&args.log)?;
    run_to_end(serve(args))
}

async fn serve(mut args: RunArgs) -> anyhow::Result<()> {
    load::require(&args.source.paths)?;
    if args.source.port == 0 {
        args.source.port = free_port(args.source.bind)?;
    }
    let store = args.store.settings()?;
    let ledger = RunningLedger::start(&store, Replicas::One)?;
    let origin = Origin::find(&args.source.paths).await?;
    let (mut standalone, first) = Standalone::start(inputs(&args, &origin)?).await?;
    let address = require_free(&first.gateway)?;
    let (admin_listener, admin_address) = bind_admin(&args).await?;
    let envoy = find_envoy(
        &EnvoySearch::from_environment(args.envoy.clone()),
        &output::error,
    )
    .await?;

    let folder = RuntimeDir::new().context("make a private folder")?;
    let token = AdminToken::resolve(
        args.admin_token_file.as_deref(),
        folder.path(),
        admin_address.port(),
    )?;
    standalone.tell(first.report, Vec::new());
    let setup = Setup {
        node: Node {
            id: "tollgate-standalone".to_string(),
            cluster: "standalone".to_string(),
        },
        folder: folder.path().to_path_buf(),
        store,
        ledger,
        metrics: Metrics::new()?,
        admin: AdminEnd {
            listener: admin_listener,
            token,
            own: manifests::status(standalone.report()),
        },
        engine: engine::choose(&args.engine, &envoy)?,
        envoy: envoy.path,
        envoy_log_level: "warning".to_string(),
        concurrency: args.concurrency,
        body_limit: args.body_limit,
        drain: Drain {
            min: Duration::ZERO,
            max: Duration::from_secs(args.drain_timeout),
        },
    };
    let mut serving = Serving::start(setup, first.gateway).await?;

    let plane = &serving.plane;
    let ready = plane.ready.clone();
    let mut following = tokio::spawn(manifests::follow(
        standalone,
        plane.applier(),
        plane.outcome.clone(),
    ));
    let failure = tokio::select! {
        signal = stop_signal() => signal.err(),
        error = serving.failed() => Some(error),
        ended = &mut following => Some(match ended {
            Ok(ended) => anyhow::Error::from(ended),
            Err(error) => anyhow::Error::from(error).context("the reconcile loop ended"),
        }),
        error = announce::announce(ready, address, admin_address, &origin) => Some(error),
    };
    following.abort();
    serving.stop().await;
    failure.map_or(Ok(()), Err)
}

fn inputs(args: &RunArgs, origin: &Origin) -> anyhow::Result<Inputs> {
    let source = &args.source;
    Ok(Inputs {
        manifests: origin.manifests(),
        environment: Arc::new(|name| std::env::var(name).ok()),
        options: load::options(source.port, source.bind, &source.provider_url)?,
    })
}

async fn bind_admin(args: &RunArgs) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let address = SocketAddr::new(args.admin_bind, args.admin_port);
    let listener = admin::bind(address).await?;
    let address = listener.local_addr().context("read the admin address")?;
    Ok((listener, address))
}

/// Fails where another process listens already; gives the first address. Envoy would share the
/// port with one of the same user and get some of its connections.
fn require_free(gateway: &ir::Gateway) -> anyhow::Result<Option<SocketAddr>> {
    let addresses: Vec<_> = gateway
        .listeners
        .iter()
        .map(|listener| SocketAddr::new(listener.address, listener.bind_port))
        .collect();
    for address in &addresses {
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
    Ok(addresses.first().copied())
}

fn free_port(bind: std::net::IpAddr) -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind((bind, 0)).context("find a free port")?;
    Ok(listener.local_addr()?.port())
}
