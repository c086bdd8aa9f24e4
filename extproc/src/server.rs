//! The gRPC service that Envoy calls.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    os::unix::net::UnixStream as StdUnixStream,
    path::Path,
    pin::Pin,
    sync::Arc,
};

use anyhow::Context;
use futures::Stream;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::BufReader,
    net::{UnixListener, UnixStream},
    sync::mpsc,
};
use tollgate_bundle::SCOPE_METADATA;
use tollgate_host::Host;
use tonic::{Request, Response, Status, Streaming, server::StreamingService};
use tonic_prost::ProstCodec;

use crate::{
    retry, router,
    wire::{ProcessingRequest, ProcessingResponse},
};

/// The one method that is served.
const PROCESS: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
/// HTTP/2 windows. A body comes as one message: a window smaller than a usual prompt would cost
/// a round trip for each window's worth.
const WINDOW_BYTES: u32 = 16 << 20;
/// Longest HTTP/2 frame accepted: fewer, longer frames for large bodies.
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Bytes read from a connection at once. HTTP/2 frames are 16 KiB: without a buffer each of them
/// is a system call of its own, a dozen for a long prompt.
const READ_BYTES: usize = 256 << 10;
/// What a message holds beside the body: headers, attributes.
const MESSAGE_OVERHEAD_BYTES: usize = 1 << 20;

/// Serves ext_proc on a Unix socket until `shutdown` completes. The socket is created anew, in a
/// folder that only this user may enter.
///
/// Each connection stays on one of `threads` threads, with a runtime of its own: Envoy opens one
/// connection for each worker, and streams that hop between threads pay more for locks and
/// wake-ups than for their work (docs/performance.md).
///
/// # Errors
///
/// The socket or a thread cannot be created, or a thread ended.
pub async fn serve(
    host: Arc<Host>,
    socket: &Path,
    threads: usize,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error)
                .with_context(|| format!("remove the old socket {}", socket.display()));
        }
        _ => {}
    }
    let listener =
        UnixListener::bind(socket).with_context(|| format!("listen on {}", socket.display()))?;
    let workers: Vec<Worker> = (0..threads.max(1))
        .map(|index| Worker::start(Arc::clone(&host), index))
        .collect::<anyhow::Result<_>>()?;
    tokio::pin!(shutdown);
    for worker in workers.iter().cycle() {
        let connection = tokio::select! {
            accepted = listener.accept() => accepted.context("accept a connection of Envoy")?.0,
            () = &mut shutdown => break,
        };
        let connection = connection
            .into_std()
            .context("hand over a connection of Envoy")?;
        if worker.connections.send(connection).is_err() {
            anyhow::bail!("an ext_proc thread ended");
        }
    }
    Ok(())
}

/// A thread that serves its share of the connections until it is dropped.
struct Worker {
    connections: mpsc::UnboundedSender<StdUnixStream>,
}

impl Worker {
    fn start(host: Arc<Host>, index: usize) -> anyhow::Result<Self> {
        // As many as Envoy has workers and clusters: bounded by its configuration.
        let (connections, incoming) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start an ext_proc runtime")?;
        std::thread::Builder::new()
            .name(format!("extproc-{index}"))
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve_connections(host, incoming)) {
                    tracing::error!(%error, "an ext_proc thread ended");
                }
            })
            .context("start an ext_proc thread")?;
        Ok(Self { connections })
    }
}

async fn serve_connections(
    host: Arc<Host>,
    mut incoming: mpsc::UnboundedReceiver<StdUnixStream>,
) -> anyhow::Result<()> {
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_stream_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_concurrent_streams(u32::MAX);
    while let Some(connection) = incoming.recv().await {
        let connection = UnixStream::from_std(connection).context("take over a connection")?;
        let host = Arc::clone(&host);
        let serving = http2.serve_connection(
            TokioIo::new(BufReader::with_capacity(READ_BYTES, connection)),
            service_fn(move |request| process(Arc::clone(&host), request)),
        );
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::debug!(%error, "a connection of Envoy ended");
            }
        });
    }
    Ok(())
}

/// One gRPC call. Tonic frames the messages; its router and layers are left out, because each
/// client call comes through here.
async fn process(
    host: Arc<Host>,
    request: http::Request<Incoming>,
) -> Result<http::Response<tonic::body::Body>, Infallible> {
    let message_bytes_max = usize::try_from(host.config().body_bytes_max)
        .unwrap_or(usize::MAX)
        .saturating_add(MESSAGE_OVERHEAD_BYTES);
    if request.uri().path() != PROCESS {
        return Ok(Status::unimplemented("only ext_proc is served here").into_http());
    }
    let mut grpc = tonic::server::Grpc::new(ProstCodec::default())
        .max_decoding_message_size(message_bytes_max)
        .max_encoding_message_size(usize::MAX);
    Ok(grpc.streaming(Service { host }, request).await)
}

struct Service {
    host: Arc<Host>,
}

type Answers = Pin<Box<dyn Stream<Item = Result<ProcessingResponse, Status>> + Send>>;

impl StreamingService<ProcessingRequest> for Service {
    type Response = ProcessingResponse;
    type ResponseStream = Answers;
    type Future = Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<ProcessingRequest>>) -> Self::Future {
        let scope = request
            .metadata()
            .get(SCOPE_METADATA)
            .and_then(|value| value.to_str().ok())
            .map(str::to_string);
        let inbound = request.into_inner();
        let host = Arc::clone(&self.host);
        ready(Ok(Response::new(match scope {
            Some(scope) => Box::pin(router::answers(host, scope, inbound)),
            None => Box::pin(retry::answers(host, inbound)),
        })))
    }
}
