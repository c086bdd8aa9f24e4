//! The gRPC side of the xDS server: drives a `StreamState` for each stream.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tollgate_envoy as envoy;
use tonic::{Request, Response, Status, Streaming};

use envoy::discovery::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy::discovery::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};

use super::stream::StreamState;
use super::{Progress, Rejection, socket};
use crate::Snapshot;

/// Responses that wait for the socket; a stream has at most one open for each kind.
const RESPONSE_QUEUE: usize = 8;
/// Largest request: a client that comes back lists all resources that it has.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Why the server stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket could not be made.
    #[error("xds socket {path}: {source}")]
    Bind {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// The transport failed.
    #[error("xds server: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves the newest snapshot at a Unix socket until `shutdown` is ready, and reports what
/// Envoy makes of it. The socket is bound when this future is first polled. Streams that are
/// open at `shutdown` are ended; Envoy keeps what it has and tries to come back.
///
/// # Errors
/// If the socket cannot be bound or the transport fails.
pub async fn serve(
    path: &Path,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    progress: watch::Sender<Progress>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let listener = socket::bind(path).map_err(|source| ServeError::Bind {
        path: path.to_path_buf(),
        source,
    })?;
    let (serving, stopped) = watch::channel(());
    let ads = AggregatedDiscoveryServiceServer::new(Ads {
        snapshots,
        progress: Arc::new(progress),
        stopped,
    })
    .max_decoding_message_size(REQUEST_BYTES_MAX);
    let shutdown = async move {
        shutdown.await;
        drop(serving);
    };
    tonic::transport::Server::builder()
        .add_service(ads)
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), shutdown)
        .await?;
    Ok(())
}

struct Ads {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    progress: Arc<watch::Sender<Progress>>,
    /// Its sender goes away when the server stops.
    stopped: watch::Receiver<()>,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

// === impl Ads ===

#[tonic::async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        _: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("only delta xds is served"))
    }

    async fn delta_aggregated_resources(
        &self,
        requests: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let (responses, queue) = mpsc::channel(RESPONSE_QUEUE);
        let snapshots = self.snapshots.clone();
        let progress = Arc::clone(&self.progress);
        let mut stopped = self.stopped.clone();
        let requests = requests.into_inner();
        tokio::spawn(async move {
            progress.send_modify(|progress| progress.streams += 1);
            tokio::select! {
                () = run(requests, snapshots, &responses, &progress) => {}
                // Nothing is ever sent: this is the end of the sender.
                _ = stopped.changed() => {}
            }
            progress.send_modify(|progress| progress.streams -= 1);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }
}

/// Runs a stream until either side ends it.
async fn run(
    mut requests: Streaming<DeltaDiscoveryRequest>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    responses: &mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>,
    progress: &watch::Sender<Progress>,
) {
    let mut state = StreamState::new(Arc::clone(&snapshots.borrow_and_update()));
    loop {
        tokio::select! {
            request = requests.message() => match request {
                Ok(Some(request)) => {
                    if let Some(rejection) = state.on_request(request) {
                        report_rejection(rejection, progress);
                    }
                }
                Ok(None) => return,
                Err(status) => {
                    tracing::debug!(%status, "xds stream ended");
                    return;
                }
            },
            changed = snapshots.changed() => match changed {
                Ok(()) => state.on_snapshot(Arc::clone(&snapshots.borrow_and_update())),
                // Nobody makes snapshots any more: the controller is going away.
                Err(_) => return,
            },
        }
        while let Some(response) = state.next_response() {
            if responses.send(Ok(response)).await.is_err() {
                return;
            }
        }
        report_live(&state, progress);
    }
}

fn report_rejection(rejection: Rejection, progress: &watch::Sender<Progress>) {
    tracing::warn!(
        kind = ?rejection.kind,
        names = ?rejection.names,
        version = rejection.version,
        error = rejection.error,
        "envoy refused a configuration and keeps the one before",
    );
    progress.send_modify(|progress| progress.rejection = Some(rejection));
}

fn report_live(state: &StreamState, progress: &watch::Sender<Progress>) {
    let Some(version) = state.live() else {
        return;
    };
    progress.send_if_modified(|progress| {
        if progress.live.as_deref() == Some(version) {
            return false;
        }
        progress.live = Some(version.to_string());
        progress.rejection = None;
        true
    });
}
