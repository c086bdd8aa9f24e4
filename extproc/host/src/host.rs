//! What all streams share: routes, health, ledger, exchanges in flight, telemetry.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use tokio::{runtime::Handle, sync::Semaphore};
use tollgate_budget::Store;
use tollgate_bundle::Bundle;
use tollgate_engine::{ExchangeInput, Health, RouteTable, Warned};

use crate::{
    SharedExchange,
    in_flight::{InFlight, Pending},
    told::Told,
};

/// Limits of the host.
#[derive(Clone, Copy, Debug)]
pub struct HostConfig {
    /// Longest request body, in bytes.
    pub body_bytes_max: u64,
    /// Client calls in flight at once.
    pub in_flight_max: usize,
    /// How often live holds are renewed; well below the store's hold lifetime.
    pub renew_every: Duration,
    /// Token counts that run at once; further ones wait.
    pub counting_max: usize,
}

/// Shared by all calls.
pub struct Host {
    config: HostConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) in_flight: InFlight,
    pub(crate) counting: Semaphore,
    pub(crate) told: Arc<dyn Told>,
    concluding: Pending,
    loading: Pending,
    /// Where calls are settled whose own thread has no runtime.
    home: Option<Handle>,
    table: ArcSwap<RouteTable>,
    health: Arc<Health>,
    warned: Arc<Warned>,
    started: Instant,
}

impl Default for HostConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            body_bytes_max: 50 * 1024 * 1024,
            in_flight_max: 100_000,
            renew_every: Duration::from_secs(10),
            counting_max: cores,
        }
    }
}

// === impl Host ===

impl Host {
    /// A host without routes: every call is answered 503 until the first bundle. `store` must
    /// answer within the time that a call may wait for its decision. The runtime in which this is
    /// called settles the calls that are dropped outside of one.
    pub fn new(config: HostConfig, store: Arc<dyn Store>, told: Arc<dyn Told>) -> Arc<Self> {
        Arc::new(Self {
            in_flight: InFlight::new(config.in_flight_max),
            counting: Semaphore::new(config.counting_max),
            config,
            store,
            told,
            concluding: Pending::default(),
            loading: Pending::default(),
            home: Handle::try_current().ok(),
            table: ArcSwap::default(),
            health: Arc::default(),
            warned: Arc::default(),
            started: Instant::now(),
        })
    }

    /// Serves the routes of `bundle` from the next call on; calls in flight keep theirs.
    pub fn apply(&self, bundle: &Bundle) {
        let (table, problems) = self.table.load().next(bundle);
        for problem in problems {
            tracing::warn!(%problem, "a part of the AI configuration is not usable");
        }
        self.health.retain(table.backend_ids());
        load_tokenizers(&table, self.loading.one_more());
        self.table.store(Arc::new(table));
    }

    /// The present routes.
    pub fn table(&self) -> Arc<RouteTable> {
        self.table.load_full()
    }

    /// Ids of the backends that are ejected now.
    pub fn ejected(&self) -> Vec<String> {
        self.health.ejected(self.now_ms())
    }

    /// The limits that the host was made with.
    pub fn config(&self) -> HostConfig {
        self.config
    }

    /// The call of a retry, by the id that the first attempt's request carries.
    pub fn find(&self, id: u128) -> Option<SharedExchange> {
        self.in_flight.find(id)
    }

    /// Calls that have ended without their host's doing and are not settled yet.
    pub fn being_concluded(&self) -> usize {
        self.concluding.len()
    }

    /// Whether tokenizers' tables are being built: who counts text now waits for them, some 100 ms.
    pub fn is_loading(&self) -> bool {
        self.loading.len() > 0
    }

    /// Who is told of calls.
    pub fn told(&self) -> &dyn Told {
        self.told.as_ref()
    }

    /// Client calls in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Keeps the holds of calls in flight alive; runs until it is dropped. A hold that is settled
    /// meanwhile stays settled: stores know its id. Freeing it here could overtake its settlement
    /// and make that charge nothing.
    pub async fn renew_holds(&self) {
        let mut ticks = tokio::time::interval(self.config.renew_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for exchange in self.in_flight.snapshot() {
                let receipt = exchange.lock().receipt().cloned();
                let Some(receipt) = receipt else { continue };
                if let Err(error) = self.store.renew(&receipt).await {
                    tracing::debug!(%error, hold = ?receipt.id, "a hold was not renewed");
                }
            }
        }
    }

    /// Monotonic milliseconds since the host started: the engine's clock for ejections.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn runtime(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| self.home.clone())
    }

    pub(crate) fn concluding(&self) -> Pending {
        self.concluding.one_more()
    }

    pub(crate) fn exchange_input(&self, scope: &str) -> ExchangeInput {
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            });
        ExchangeInput {
            table: self.table.load_full(),
            health: Arc::clone(&self.health),
            warned: Arc::clone(&self.warned),
            scope: scope.to_string(),
            id: rand::random(),
            created,
            body_bytes_max: self.config.body_bytes_max,
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Builds the tokenizers' tables in the background: the first call that is counted would hold its
/// budget for as long as that takes.
fn load_tokenizers(table: &RouteTable, loading: Pending) {
    let models = table.counted_models();
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || {
            for model in &models {
                tollgate_llm::tokens::load(model);
            }
            drop(loading);
        });
    }
}
