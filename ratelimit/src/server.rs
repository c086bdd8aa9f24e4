//! The gRPC server: accepts connections and gives each to one of a few threads.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use hyper::{
    rt::{Read, Write},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpStream, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    grpc,
    listener::{Connection, Listener},
    service::Service,
};

/// Connections open at once; further ones wait. Envoy opens one for each worker and cluster.
const CONNECTIONS_MAX: usize = 4_096;
/// Requests in flight on one connection; Envoy opens another where it needs more.
const STREAMS_MAX: u32 = 4_096;
/// A connection that says nothing is asked whether it still lives.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to say so.
const KEEP_ALIVE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long requests in flight may take to end once we stop.
const DRAIN_MAX: Duration = Duration::from_secs(3);
/// Pause after a connection could not be accepted: descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the rate limit service and `grpc.health.v1` until `shutdown` completes, then lets
/// requests in flight end.
///
/// Each connection stays on one of `threads` threads, with a runtime of its own: Envoy opens one
/// connection for each worker, and a decision costs less than handing it to another thread.
///
/// # Errors
///
/// A thread cannot be started, or ended.
pub async fn serve(
    service: Arc<Service>,
    listener: Listener,
    threads: usize,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let workers: Vec<Worker> = (0..threads.max(1))
        .map(|index| Worker::start(Arc::clone(&service), index))
        .collect::<anyhow::Result<_>>()?;
    let ended = tokio::select! {
        error = accept(&listener, &workers) => Err(error),
        () = shutdown => Ok(()),
    };
    service.stop();
    drop(listener);
    for worker in workers {
        drop(worker.connections);
        // The thread bounds its own end; a closed channel says that it has come.
        let _ = worker.ended.await;
    }
    ended
}

/// Accepts until a worker is gone.
async fn accept(listener: &Listener, workers: &[Worker]) -> anyhow::Error {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for worker in workers.iter().cycle() {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        let connection = loop {
            match listener.accept().await {
                Ok(connection) => break connection,
                Err(error) => {
                    tracing::warn!(%error, "a connection to the rate limit service was lost");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        if worker.connections.send((connection, slot)).is_err() {
            break;
        }
    }
    anyhow::anyhow!("a rate limit thread ended")
}

type Accepted = (Connection, OwnedSemaphorePermit);

/// A thread that serves its share of the connections until `connections` is dropped.
struct Worker {
    connections: mpsc::UnboundedSender<Accepted>,
    ended: oneshot::Receiver<()>,
}

impl Worker {
    fn start(service: Arc<Service>, index: usize) -> anyhow::Result<Self> {
        // Never holds more than there are slots.
        let (connections, incoming) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start a rate limit runtime")?;
        std::thread::Builder::new()
            .name(format!("ratelimit-{index}"))
            .spawn(move || {
                runtime.block_on(serve_connections(service, incoming));
                drop(end);
            })
            .context("start a rate limit thread")?;
        Ok(Self { connections, ended })
    }
}

async fn serve_connections(service: Arc<Service>, mut incoming: mpsc::UnboundedReceiver<Accepted>) {
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = incoming.recv() => {
                let Some((connection, slot)) = accepted else { break };
                let (service, stopped) = (Arc::clone(&service), stopped.clone());
                connections.spawn(async move {
                    if let Err(error) = serve_connection(service, connection, stopped).await {
                        tracing::debug!(%error, "a connection to the rate limit service ended");
                    }
                    drop(slot);
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(stop);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_MAX, all).await.is_err() {
        tracing::warn!("rate limit requests in flight were cut off");
    }
}

async fn serve_connection(
    service: Arc<Service>,
    connection: Connection,
    stopped: watch::Receiver<()>,
) -> anyhow::Result<()> {
    match connection {
        Connection::Tcp(stream) => {
            serve_http2(service, TcpStream::from_std(stream)?, stopped).await
        }
        Connection::Unix(stream) => {
            serve_http2(service, UnixStream::from_std(stream)?, stopped).await
        }
    }
}

async fn serve_http2<S>(
    service: Arc<Service>,
    stream: S,
    mut stopped: watch::Receiver<()>,
) -> anyhow::Result<()>
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
{
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(KEEP_ALIVE_EVERY))
        .keep_alive_timeout(KEEP_ALIVE_WAIT_MAX)
        .max_concurrent_streams(STREAMS_MAX);
    let serving = http2.serve_connection(
        TokioIo::new(stream),
        service_fn(move |request| grpc::call(Arc::clone(&service), request)),
    );
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return Ok(served?),
        // Its sender is only ever dropped.
        _ = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    Ok(serving.await?)
}
