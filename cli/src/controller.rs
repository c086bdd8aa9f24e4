//! `tollgate controller`: the controller of a cluster. Wires the parts; decides nothing.

mod admin;
mod config;

use std::{net::SocketAddr, pin::pin, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tollgate_controller::cluster::ClusterController;
use tollgate_kubernetes::{Cluster, ConnectOptions};
use tollgate_link::{LinkServer, TlsFiles};

use crate::{
    args::ControllerArgs,
    logging,
    metrics::Metrics,
    observe::{self, Observed, Ready},
    runtime::run_to_end,
    serving::{ended_early, stop_signal, until},
};

/// Longest wait for parts to end: the lease is given back, streams are closed.
const STOP_MAX: Duration = Duration::from_secs(5);
/// Between two attempts to reach the API server at the start.
const CONNECT_PAUSE: Duration = Duration::from_secs(2);

pub(crate) fn controller(args: ControllerArgs) -> anyhow::Result<ExitCode> {
    let _logs = logging::start(&args.log)?;
    run_to_end(serve(args))
}

async fn serve(args: ControllerArgs) -> anyhow::Result<()> {
    let config = config::cluster(&args)?;
    let metrics = Metrics::new()?;
    let (stop, stopped) = watch::channel(false);
    // One for the whole life: a signal that comes while nobody waits is not lost.
    let mut signal = pin!(stop_signal());
    let ready = watch::Sender::new("it has not reached the API server".to_string());
    let observed = Observed {
        metrics: metrics.clone(),
        ready: readiness(ready.subscribe()),
    };
    let listener = bind(args.endpoints.observe_bind, "--observe-bind").await?;
    let observing = observe::serve(listener, observed.clone(), until(stopped.clone()));
    let mut observing = tokio::spawn(observing);
    let cluster = tokio::select! {
        signal = &mut signal => return signal,
        ended = &mut observing => return Err(ended_early("the observation endpoint", ended)),
        cluster = connect() => cluster,
    };

    let link = LinkServer::new();
    let controller = ClusterController::start(&cluster, link.clone(), config, metrics.registry())?;
    let listener = bind(args.endpoints.admin_bind, "--admin-bind").await?;
    let shown = admin::Shown::new(observed, &controller, link.progress());
    let mut admin = tokio::spawn(admin::serve(listener, shown, until(stopped.clone())));
    let listener = bind(args.link_bind, "--link-bind").await?;
    let mut linking = tokio::spawn({
        let (link, files, stopped) = (link.clone(), tls_files(&args), stopped.clone());
        async move {
            let serving = link.serve(listener, files, until(stopped));
            serving.await.context("serve proxies")
        }
    });
    metrics_of_link(&metrics, &link);
    let following = tokio::spawn(follow_readiness(
        controller.ready(),
        controller.leads(),
        ready,
    ));
    let mut running = tokio::spawn(controller.run(until(stopped)));
    let failure = tokio::select! {
        signal = &mut signal => signal.err(),
        ended = &mut running => Some(ended_early("the loop", ended)),
        ended = &mut linking => Some(ended_early("the link", ended)),
        ended = &mut admin => Some(ended_early("the admin endpoint", ended)),
        ended = &mut observing => Some(ended_early("the observation endpoint", ended)),
    };
    tracing::info!("stopping");
    stop.send_replace(true);
    following.abort();
    for part in [running, linking, admin] {
        if !part.is_finished() {
            // What does not end in time is ended with the process.
            let _ = timeout(STOP_MAX, part).await;
        }
    }
    failure.map_or(Ok(()), Err)
}

/// Connects to the API server, however long it is away: a controller that ends instead would be
/// restarted with growing pauses.
async fn connect() -> Cluster {
    loop {
        match Cluster::connect(&ConnectOptions::default()).await {
            Ok(cluster) => return cluster,
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::error!(error, "the API server cannot be used; it is tried again");
            }
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

async fn bind(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("listen on {address} ({option})"))
}

fn tls_files(args: &ControllerArgs) -> TlsFiles {
    TlsFiles {
        certificate: args.certs.join("tls.crt"),
        key: args.certs.join("tls.key"),
        ca: args.certs.join("ca.crt"),
    }
}

/// Ready is who serves proxies; `why` says why not.
fn readiness(state: watch::Receiver<String>) -> Ready {
    Arc::new(move || {
        let state = state.borrow();
        match state.strip_prefix("ready") {
            Some(_) => Ok(state.clone()),
            None => Err(format!("not ready: {}", *state)),
        }
    })
}

/// Keeps the words of `/ready`.
async fn follow_readiness(
    mut ready: watch::Receiver<bool>,
    mut leads: watch::Receiver<bool>,
    words: watch::Sender<String>,
) {
    loop {
        let text = match (*ready.borrow_and_update(), *leads.borrow_and_update()) {
            (false, _) => "it has not yet read every object of the cluster",
            (true, true) => "ready; this replica leads",
            (true, false) => "ready; another replica leads",
        };
        words.send_replace(text.to_string());
        let changed = tokio::select! {
            changed = ready.changed() => changed,
            changed = leads.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Connections, refusals and bytes of the link.
fn metrics_of_link(metrics: &Metrics, link: &LinkServer) {
    let meter = metrics.meter();
    type Read = fn(tollgate_link::LinkStats) -> u64;
    let counters: [(&'static str, &'static str, Read); 5] = [
        (
            "tollgate.link.handshakes.refused",
            "Connections without a certificate of our authority, or broken off.",
            |it| it.handshakes_refused,
        ),
        (
            "tollgate.link.streams.refused",
            "Streams of proxies that may not, or that speak another protocol.",
            |it| it.streams_refused,
        ),
        ("tollgate.link.updates", "Changes sent to proxies.", |it| {
            it.updates
        }),
        (
            "tollgate.link.updates.full",
            "Whole gateways sent to proxies.",
            |it| it.full_updates,
        ),
        (
            "tollgate.link.sent",
            "Bytes of changes and whole gateways.",
            |it| it.bytes,
        ),
    ];
    for (name, description, read) in counters {
        let link = link.clone();
        let counter = meter
            .u64_observable_counter(name)
            .with_description(description);
        counter
            .with_callback(move |it| it.observe(read(link.stats()), &[]))
            .build();
    }
    let (connected, behind) = (link.progress(), link.progress());
    meter
        .u64_observable_gauge("tollgate.link.proxies")
        .with_description("Proxies that follow this controller.")
        .with_callback(move |it| {
            let progress = connected.borrow();
            let proxies = progress.gateways.values().map(|it| it.connected().count());
            it.observe(proxies.sum::<usize>() as u64, &[]);
        })
        .build();
    meter
        .u64_observable_gauge("tollgate.link.proxies.refusing")
        .with_description("Proxies whose Envoy refuses a part of the newest configuration.")
        .with_callback(move |it| {
            let progress = behind.borrow();
            let proxies = progress.gateways.values().flat_map(|it| it.connected());
            let refusing = proxies.filter(|(_, proxy)| proxy.refused.is_some());
            it.observe(refusing.count() as u64, &[]);
        })
        .build();
}
