//! The rate limit service inside a gateway, on a socket in the private folder.

use std::{path::Path, sync::Arc};

use opentelemetry::metrics::Meter;
use tokio::{sync::watch, task::JoinHandle};
use tollgate_budget::{Clock, Store};
use tollgate_ratelimit::{Headers, Listen, Service, Telemetry, serve};

use super::until;

/// Starts it. It decides from the first bundle on; its task ends when `stopped` says so.
///
/// # Errors
///
/// The socket cannot be made.
pub(super) async fn start(
    socket: &Path,
    store: Arc<dyn Store>,
    meter: &Meter,
    threads: usize,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<(Arc<Service>, JoinHandle<anyhow::Result<()>>)> {
    let telemetry = Telemetry::new(meter);
    // Envoy's filter writes the headers, each policy as it says.
    let service = Service::new(store, Clock::system(), Headers::Envoy, telemetry);
    let listener = Listen::Unix(socket.to_path_buf()).bind().await?;
    let serving = serve(Arc::clone(&service), listener, threads, until(stopped));
    Ok((service, tokio::spawn(serving)))
}
