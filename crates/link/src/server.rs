//! The controller's side: what each gateway is, told to the proxies that prove to be its own.

mod accept;
mod behind;
mod progress;
mod published;
mod session;

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::watch, time};
use tollgate_ir::Gateway;
use tonic::transport::Server;

use crate::{
    GatewayIdentity, ProxySettings, Version,
    tls::{ServerTls, TlsError, TlsFiles},
    wire::LinkService,
};

use behind::Behind;
pub use progress::{GatewayProgress, Progress, ProxyProgress, Refusal};
use published::{Next, Published};

/// Silence after which a proxy is asked whether it is there, and how long it has to answer.
const KEEPALIVE: (std::time::Duration, std::time::Duration) = (
    std::time::Duration::from_secs(30),
    std::time::Duration::from_secs(5),
);

/// How long proxies are given to leave when the server stops.
const LEAVE_DEADLINE: std::time::Duration = std::time::Duration::from_secs(5);

/// Streams of one connection; a proxy needs one.
const STREAMS_MAX: u32 = 8;

/// Serves gateways to their proxies. Clones are one and the same.
#[derive(Clone)]
pub struct LinkServer(Arc<Shared>);

struct Shared {
    /// Those that are published, and those that proxies wait for.
    gateways: Mutex<BTreeMap<GatewayIdentity, watch::Sender<Option<Arc<Published>>>>>,
    /// Held while one is changed, so that each step leads from what the one before led to.
    changing: Mutex<()>,
    behind: Behind,
    progress: watch::Sender<Progress>,
    /// True from the moment on when the server is to stop.
    stopping: watch::Sender<bool>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    handshakes_refused: AtomicU64,
    streams_refused: AtomicU64,
    updates: AtomicU64,
    full_updates: AtomicU64,
    bytes: AtomicU64,
}

/// What the server has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Connections without a certificate of our authority, or broken off.
    pub handshakes_refused: u64,
    /// Streams of proxies that may not, or that speak another protocol.
    pub streams_refused: u64,
    /// Changes sent.
    pub updates: u64,
    /// Whole gateways sent.
    pub full_updates: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// Why a gateway cannot be published. What was published stays.
#[derive(Debug, thiserror::Error)]
#[error("{gateway} cannot be written down: {source}")]
pub struct PublishError {
    gateway: GatewayIdentity,
    source: serde_json::Error,
}

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It has no address.
    #[error("the listener has no address: {0}")]
    Listener(#[from] io::Error),
    /// HTTP/2 failed.
    #[error("the link ended: {0}")]
    Http(#[from] tonic::transport::Error),
}

// === impl LinkServer ===

impl Default for LinkServer {
    fn default() -> Self {
        Self::new()
    }
}

impl LinkServer {
    /// Has nothing to serve yet.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            gateways: Mutex::default(),
            changing: Mutex::default(),
            behind: Behind::default(),
            progress: watch::Sender::default(),
            stopping: watch::Sender::default(),
            counters: Counters::default(),
        }))
    }

    /// Something has changed, and what gateways become by it is not published yet. A proxy that
    /// comes now waits for [`LinkServer::caught_up`], but no longer than two seconds: what it has
    /// from another controller may be newer than what is published here.
    pub fn fell_behind(&self) {
        self.0.behind.learned();
    }

    /// What was known has been published.
    pub fn caught_up(&self) {
        self.0.behind.caught_up();
    }

    /// Puts a gateway in the place of what was served under this identity. Its proxies get the
    /// difference at once; the version says what they will report. Publishing what is published
    /// already does nothing.
    ///
    /// # Errors
    ///
    /// Where a value has no JSON form.
    pub fn publish(
        &self,
        gateway: &GatewayIdentity,
        content: Arc<Gateway>,
        settings: ProxySettings,
    ) -> Result<Version, PublishError> {
        let _changing = self.0.changing.lock();
        let state = self.state(gateway);
        let before = state.borrow().clone();
        let next = match &before {
            Some(before) => before.next(content, settings),
            None => Published::new(content, settings).map(Published::changed),
        };
        let next = next.map_err(|source| PublishError {
            gateway: gateway.clone(),
            source,
        })?;
        let next = match next {
            Next::Same(version) => return Ok(version),
            Next::Changed(next) => next,
        };
        let version = next.version();
        self.0.progress.send_modify(|progress| {
            progress.gateway(gateway).version = Some(version);
        });
        state.send_replace(Some(Arc::new(next)));
        Ok(version)
    }

    /// Serves nothing any more under this identity. Its proxies keep what they have.
    pub fn remove(&self, gateway: &GatewayIdentity) {
        let _changing = self.0.changing.lock();
        let mut gateways = self.0.gateways.lock();
        if let Some(state) = gateways.get(gateway) {
            state.send_replace(None);
            if state.receiver_count() == 0 {
                gateways.remove(gateway);
            }
        }
        self.0.progress.send_modify(|it| it.remove(gateway));
    }

    /// What each gateway's proxies have reported; changes whenever one does.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.0.progress.subscribe()
    }

    /// What has been done so far.
    pub fn stats(&self) -> LinkStats {
        let Counters {
            handshakes_refused,
            streams_refused,
            updates,
            full_updates,
            bytes,
        } = &self.0.counters;
        LinkStats {
            handshakes_refused: handshakes_refused.load(Ordering::Relaxed),
            streams_refused: streams_refused.load(Ordering::Relaxed),
            updates: updates.load(Ordering::Relaxed),
            full_updates: full_updates.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
        }
    }

    /// Serves until `shutdown`, then ends all streams, so that proxies go to another controller.
    ///
    /// # Errors
    ///
    /// Where the files make no certificate at first (later ones that do not are passed over), or the
    /// listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        files: TlsFiles,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let tls = Arc::new(ServerTls::new(files).await?);
        let incoming = accept::accept(listener, tls, self.clone());
        let stopping = self.0.stopping.clone();
        let shutdown = async move {
            shutdown.await;
            stopping.send_replace(true);
        };
        let mut stopped = self.0.stopping.subscribe();
        let left = async move {
            // The sender is this server's own.
            let _ = stopped.wait_for(|it| *it).await;
            time::sleep(LEAVE_DEADLINE).await;
        };
        let serving = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .max_concurrent_streams(STREAMS_MAX)
            .add_service(LinkService(self.clone()))
            .serve_with_incoming_shutdown(incoming, shutdown);
        tokio::select! {
            served = serving => Ok(served?),
            () = left => Ok(()),
        }
    }

    /// The state of a gateway, made where it is the first to ask.
    fn state(&self, gateway: &GatewayIdentity) -> watch::Sender<Option<Arc<Published>>> {
        let mut gateways = self.0.gateways.lock();
        gateways.entry(gateway.clone()).or_default().clone()
    }

    /// Forgets a gateway that is neither published nor waited for.
    fn release(&self, gateway: &GatewayIdentity) {
        let mut gateways = self.0.gateways.lock();
        let idle = |it: &watch::Sender<Option<Arc<Published>>>| {
            it.receiver_count() == 0 && it.borrow().is_none()
        };
        if gateways.get(gateway).is_some_and(idle) {
            gateways.remove(gateway);
        }
    }
}
