//! A server with a store in memory, and engines that connect to it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tollgate_budget::{
    Account, Charge, Clock, HoldId, HoldOutcome, HoldReceipt, HoldRequest, MemoryStore, Store,
    conformance::TestClock, store::memory::Bounds,
};
use tollgate_bundle::{Bundle, OnStoreFailure, WindowKind};
use tollgate_engine::CallRecord;
use tollgate_host::{CallTimes, Told};

use crate::{Client, Figures, Following, server};

/// Noon of a day, in Unix milliseconds.
const NOON_MS: i64 = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000;
/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Time(pub(super) Arc<AtomicI64>);

impl TestClock for Time {
    fn advance(&self, ms: u64) {
        let ms = i64::try_from(ms).unwrap();
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// The ledger's end.
pub(super) struct Rig {
    pub(super) store: Arc<MemoryStore>,
    pub(super) time: Time,
    pub(super) told: Arc<Heard>,
    pub(super) bundles: watch::Sender<Arc<Bundle>>,
    pub(super) served: watch::Receiver<Option<Arc<Bundle>>>,
    pub(super) figures: watch::Receiver<Figures>,
    folder: TempDir,
    parts: Box<dyn Fn() -> server::Parts + Send>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<(CallRecord, String)>>);

impl Told for Heard {
    fn call(&self, record: CallRecord, _times: CallTimes, request_id: String) {
        self.0.lock().push((record, request_id));
    }

    fn settle_failed(&self) {}
}

/// The engine's end: what was applied, and the task that keeps it connected.
pub(super) struct Engine {
    pub(super) client: Arc<Client>,
    pub(super) applied: Arc<Mutex<Vec<Bundle>>>,
    task: JoinHandle<()>,
}

struct Follow(Arc<Mutex<Vec<Bundle>>>);

impl Following for Follow {
    fn apply(&mut self, bundle: &Bundle) {
        self.0.lock().push(bundle.clone());
    }

    fn figures(&self) -> Figures {
        Figures {
            in_flight: 7,
            ..Figures::default()
        }
    }
}

// === impl Rig ===

impl Rig {
    pub(super) async fn start() -> Self {
        let now = Arc::new(AtomicI64::new(NOON_MS));
        let time = Time(Arc::clone(&now));
        let clock = Clock::new(move || now.load(Ordering::Relaxed));
        let store = Arc::new(MemoryStore::new(clock, Bounds::default()));
        let told = Arc::new(Heard::default());
        let (bundles, bundles_rx) = watch::channel(Arc::new(Bundle::default()));
        let (served, served_rx) = watch::channel(None);
        let (figures, figures_rx) = watch::channel(Figures::default());
        let parts = {
            let (store, told) = (Arc::clone(&store), Arc::clone(&told));
            move || server::Parts {
                store: Arc::clone(&store) as _,
                told: Arc::clone(&told) as _,
                bundles: bundles_rx.clone(),
                served: served.clone(),
                figures: figures.clone(),
            }
        };
        let mut rig = Self {
            store,
            time,
            told,
            bundles,
            served: served_rx,
            figures: figures_rx,
            folder: tempfile::tempdir().unwrap(),
            parts: Box::new(parts),
            server: None,
        };
        rig.serve().await;
        rig
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("uplink.sock")
    }

    /// Listens, after [`Rig::stop`] anew.
    pub(super) async fn serve(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let (listening, is_listening) = oneshot::channel();
        let (socket, parts) = (self.socket(), (self.parts)());
        let task = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            server::serve(&socket, parts, listening, stopped)
                .await
                .unwrap();
        });
        is_listening.await.unwrap();
        self.server = Some((stop, task));
    }

    /// Listens no more; open connections stay.
    pub(super) async fn stop(&mut self) {
        let (stop, task) = self.server.take().unwrap();
        drop(stop);
        task.await.unwrap();
        std::fs::remove_file(self.socket()).unwrap();
    }

    pub(super) fn engine(&self) -> Engine {
        let client = Client::new(self.socket());
        Engine::of(client)
    }

    /// Settled and held on the account of [`request`].
    pub(super) async fn standing(&self) -> (u64, u64) {
        let state = self.store.states(&[account()]).await.unwrap().remove(0);
        (state.settled, state.held)
    }

    pub(super) async fn until_standing(&self, expected: (u64, u64)) {
        let wait = async {
            while self.standing().await != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("{:?} stands, {expected:?} expected", self.standing().await);
        }
    }
}

// === impl Engine ===

impl Engine {
    pub(super) fn of(client: Arc<Client>) -> Self {
        let applied = Arc::default();
        let task = tokio::spawn(Arc::clone(&client).run(Follow(Arc::clone(&applied))));
        Self {
            client,
            applied,
            task,
        }
    }

    /// Waits until the uplink is there.
    pub(super) async fn connected(&self) {
        eventually(|| !self.applied.lock().is_empty()).await;
    }

    pub(super) async fn hold(&self, id: u128) -> HoldReceipt {
        match self.client.hold(&request(id)).await.unwrap() {
            HoldOutcome::Granted(receipt) => receipt,
            HoldOutcome::Denied(denial) => panic!("{denial:?}"),
        }
    }

    /// Breaks the connection; the engine lives on, without it.
    pub(super) async fn disconnect(self) -> Arc<Client> {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        self.client.break_off();
        self.client
    }
}

pub(super) async fn eventually(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

pub(super) fn account() -> Account {
    Account {
        budget: "default/daily".into(),
        subject: "user:alice".into(),
        window: WindowKind::Day,
        time_zone: "UTC".into(),
        limit: 1_000,
    }
}

/// Holds 10 + 5.
pub(super) fn request(id: u128) -> HoldRequest {
    HoldRequest {
        id: HoldId(id),
        charges: vec![Charge {
            account: account(),
            fixed: 10,
            per_output: 1,
            enforce: true,
            on_failure: OnStoreFailure::Closed,
        }],
        output_want: 5,
        output_min: 1,
    }
}
