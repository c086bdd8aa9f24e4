//! The ledger of a gateway and of `tollgate ratelimit`: which store, the guard before it, and its
//! background tasks.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tollgate_budget::{AbsentStore, Clock, MemoryStore, Store, store::memory::Bounds};
use tollgate_ledger::{BreakerState, Ledger, LedgerConfig};
use tollgate_link::{RedisSettings, StoreSettings};
use tollgate_redis::{RedisOptions, RedisStore};

use crate::misuse::Misuse;

/// How long settlements that wait may hold up the end of the process.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// Whether others count on the same budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replicas {
    /// Nobody: memory will do.
    One,
    /// Other proxies: without a store in common nothing can be counted, and each budget's
    /// `onStoreFailure` decides.
    Many,
}

/// A running ledger.
pub(crate) struct RunningLedger {
    pub(crate) ledger: Arc<Ledger>,
    /// `memory`, or the URL of the server without its password.
    store: String,
    tasks: Vec<JoinHandle<()>>,
}

// === impl RunningLedger ===

impl RunningLedger {
    /// Starts it. A server that cannot be reached is told in the log and is no error: the budgets'
    /// failure modes decide until it answers.
    ///
    /// # Errors
    ///
    /// The URL or the prefix cannot be used ([`Misuse`]).
    pub(crate) fn start(settings: &StoreSettings, replicas: Replicas) -> anyhow::Result<Self> {
        let mut redis = None;
        let (name, store): (String, Arc<dyn Store>) = match &settings.redis {
            None if replicas == Replicas::Many => ("nothing".to_string(), Arc::new(AbsentStore)),
            None => {
                let bounds = Bounds {
                    hold_lifetime_ms: hold_lifetime_ms(settings),
                    ..Bounds::default()
                };
                let store = MemoryStore::new(Clock::system(), bounds);
                ("memory".to_string(), Arc::new(store))
            }
            Some(server) => {
                let name = shown_url(server.url.expose());
                let store = Arc::new(connect(server, settings)?);
                redis = Some(Arc::clone(&store));
                (name, store)
            }
        };
        let ledger = Ledger::new(store, config(settings), Clock::system());
        let mut tasks = vec![tokio::spawn({
            let ledger = Arc::clone(&ledger);
            async move { ledger.run().await }
        })];
        if let Some(redis) = redis {
            let first = tell_first_answer(redis, name.clone(), Arc::clone(&ledger));
            tasks.push(tokio::spawn(first));
        }
        Ok(Self {
            ledger,
            store: name,
            tasks,
        })
    }

    /// Delivers what waits, and ends.
    pub(crate) async fn stop(self) {
        let lost = self.ledger.flush(FLUSH_MAX).await;
        if lost > 0 {
            tracing::error!(lost, "calls were not charged before the process ended");
        }
        self.tasks.iter().for_each(JoinHandle::abort);
    }

    pub(crate) fn look(&self) -> LedgerLook {
        LedgerLook {
            ledger: Arc::clone(&self.ledger),
            store: self.store.clone(),
        }
    }
}

/// What `/ready` and `/status` say of the ledger.
#[derive(Clone)]
pub(crate) struct LedgerLook {
    ledger: Arc<Ledger>,
    store: String,
}

// === impl LedgerLook ===

impl LedgerLook {
    /// In a few words: which store, and whether it answers.
    pub(crate) fn words(&self) -> String {
        match self.ledger.stats().breaker {
            BreakerState::Closed => format!("budgets in {}", self.store),
            BreakerState::Open { for_ms, last_error } => format!(
                "budgets in {}, which has not answered for {} s ({last_error}): each budget's \
                 onStoreFailure decides",
                self.store,
                for_ms / 1_000,
            ),
        }
    }

    /// Store, breaker, queue and counters.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!(self.ledger.stats());
        if let Some(fields) = status.as_object_mut() {
            fields.insert("store".to_string(), json!(self.store));
        }
        status
    }
}

fn connect(server: &RedisSettings, settings: &StoreSettings) -> anyhow::Result<RedisStore> {
    let RedisSettings {
        url,
        password,
        prefix,
    } = server;
    let mut options = RedisOptions {
        hold_lifetime_ms: hold_lifetime_ms(settings),
        password: password.clone(),
        ..RedisOptions::default()
    };
    if let Some(prefix) = prefix {
        options.prefix.clone_from(prefix);
    }
    RedisStore::connect(url.expose(), options)
        .map_err(|error| Misuse(format!("--redis: {error}")).into())
}

/// Says in the log how the first attempt to reach the server went.
async fn tell_first_answer(store: Arc<RedisStore>, name: String, ledger: Arc<Ledger>) {
    match store.ready().await {
        Ok(()) => tracing::info!(store = name, "budgets are kept in Redis"),
        Err(error) => {
            tracing::error!(
                store = name,
                %error,
                "the budget store cannot be used; it is tried again, and until then each budget's \
                 onStoreFailure decides (Closed: 503)"
            );
            ledger.distrust(&error);
        }
    }
}

fn config(settings: &StoreSettings) -> LedgerConfig {
    let mut config = LedgerConfig::default();
    config.decision_deadline = Duration::from_millis(settings.deadline_ms);
    config.settle_deadline = config.settle_deadline.max(config.decision_deadline);
    // A call that is served without the store is renewed like any other.
    config.lease_bounds.hold_lifetime_ms = hold_lifetime_ms(settings);
    config
}

/// How often live holds are renewed: one renewal may be lost.
pub(crate) fn renew_every(settings: &StoreSettings) -> Duration {
    Duration::from_secs(settings.hold_lifetime_s) / 3
}

/// How long a hold that is not renewed counts.
fn hold_lifetime_ms(settings: &StoreSettings) -> u64 {
    settings.hold_lifetime_s.saturating_mul(1_000)
}

/// The URL without user, password and parameters.
fn shown_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            format!("{scheme}://{place}")
        }
        None => "redis".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown_url;

    #[test]
    fn shown_url_has_no_password() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("rediss://user:pa@ss@host:1", "rediss://host:1"),
            ("redis://:secret@host?password=x", "redis://host"),
            ("secret", "redis"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
