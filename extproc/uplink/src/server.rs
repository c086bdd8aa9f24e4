//! The ledger's end: answers what the engine asks, hands it bundles, tells of its calls.
//!
//! A ledger in memory answers at once, on the task of the connection; what has to wait for a
//! server gets a task of its own.

mod connection;
mod sessions;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    net::UnixListener,
    sync::{oneshot, watch},
};
use tollgate_budget::Store;
use tollgate_bundle::Bundle;
use tollgate_host::Told;

use crate::wire::Figures;
use sessions::Sessions;

/// What the engine's end is served with.
pub struct Parts {
    /// Asked in the engine's name.
    pub store: Arc<dyn Store>,
    /// Told of its calls.
    pub told: Arc<dyn Told>,
    /// What it shall serve.
    pub bundles: watch::Receiver<Arc<Bundle>>,
    /// Which of these it serves; `None` while no engine is connected.
    pub served: watch::Sender<Option<Arc<Bundle>>>,
    /// How it goes there; written here.
    pub figures: watch::Sender<Figures>,
}

/// What the connections share.
struct Shared {
    parts: Parts,
    sessions: Arc<Sessions>,
    /// The connection that speaks for the engine: the newest.
    newest: AtomicU64,
    /// What was told of already.
    counted: Mutex<Figures>,
}

/// Serves the uplink on a Unix socket until `shutdown` completes. The socket is created anew, in a
/// folder that only this user may enter. Holds of an engine that is gone are then let go.
///
/// # Errors
///
/// The socket cannot be created, or gives no connections.
pub async fn serve(
    socket: &Path,
    parts: Parts,
    listening: oneshot::Sender<()>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    // Whoever waited for it may be gone.
    let _ = listening.send(());
    let sessions = Arc::new(Sessions::new(Arc::clone(&parts.store)));
    let shared = Arc::new(Shared {
        parts,
        sessions,
        newest: AtomicU64::new(0),
        counted: Mutex::default(),
    });
    tokio::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            () = &mut shutdown => break,
        };
        let shared = Arc::clone(&shared);
        let number = shared.newest.fetch_add(1, Ordering::AcqRel) + 1;
        tokio::spawn(async move { connection::run(&shared, number, stream).await });
    }
    shared.sessions.release_all().await;
    Ok(())
}

// === impl Shared ===

impl Shared {
    fn is_newest(&self, number: u64) -> bool {
        self.newest.load(Ordering::Acquire) == number
    }

    /// Counters of an engine start at zero.
    fn engine_is_new(&self) {
        *self.counted.lock() = Figures::default();
    }

    /// Failures that the engine has counted become ours, each once.
    fn figures(&self, figures: Figures) {
        let last = std::mem::replace(&mut *self.counted.lock(), figures.clone());
        for _ in last.settle_failures..figures.settle_failures {
            self.parts.told.settle_failed();
        }
        for _ in last.host_failures..figures.host_failures {
            self.parts.told.host_failed();
        }
        let dropped = figures.records_dropped.saturating_sub(last.records_dropped);
        if dropped > 0 {
            tracing::error!(
                dropped,
                "calls are missing in metrics and access log: the uplink was away for long"
            );
        }
        self.parts.figures.send_replace(figures);
    }

    /// The engine is gone: nobody waits for it to serve anything.
    fn disconnected(&self, number: u64) {
        if self.is_newest(number) {
            self.parts.served.send_replace(None);
            self.parts.figures.send_modify(|figures| {
                figures.in_flight = 0;
                figures.ejected.clear();
            });
        }
    }
}
