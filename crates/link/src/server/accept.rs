//! Connections: a handshake with both certificates, or none.

use std::{io, sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};

use super::LinkServer;
use crate::tls::ServerTls;

/// Handshakes at one time; more wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 512;

/// How long a handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);

/// Pause where the system has no room for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections whose client has shown a certificate of our authority. Ends when nobody takes them
/// any more.
pub(super) fn accept(
    listener: TcpListener,
    tls: Arc<ServerTls>,
    server: LinkServer,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    let (tx, rx) = mpsc::channel(1);
    tokio::spawn(async move {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        loop {
            let accepted = tokio::select! {
                () = tx.closed() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = handshakes.clone().acquire_owned().await else {
                return;
            };
            let (tls, tx, server) = (tls.clone(), tx.clone(), server.clone());
            tokio::spawn(async move {
                match time::timeout(HANDSHAKE_DEADLINE, handshake(&tls, stream)).await {
                    Ok(Ok(stream)) => {
                        drop(permit);
                        // Nobody takes it where the server stops.
                        let _ = tx.send(Ok(stream)).await;
                    }
                    Ok(Err(error)) => server.refused_handshake(&error.to_string()),
                    Err(_) => server.refused_handshake("it takes too long"),
                }
            });
        }
    });
    ReceiverStream::new(rx)
}

async fn handshake(tls: &ServerTls, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let config = tls.current().await;
    TlsAcceptor::from(config).accept(stream).await
}

// === impl LinkServer ===

impl LinkServer {
    /// Anybody can make these happen: counted, and logged for those who look for them only.
    fn refused_handshake(&self, error: &str) {
        let counter = &self.0.counters.handshakes_refused;
        counter.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(error, "a handshake is refused");
    }
}
