//! What proxies need beside the gateway: where budgets are kept.

use serde::{Deserialize, Serialize};
use tollgate_secret::Secret;

/// What every proxy of a gateway is told beside its traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxySettings {
    /// The ledger's store.
    pub store: StoreSettings,
}

/// The ledger's store, as seen from a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreSettings {
    /// Shared by all proxies; `None`: each keeps its own in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisSettings>,
    /// Milliseconds that a decision waits for the store at most.
    pub deadline_ms: u64,
    /// Seconds after which what a call holds comes free when its proxy has died.
    pub hold_lifetime_s: u64,
}

/// Redis, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisSettings {
    /// `redis://`, `rediss://`, `redis-cluster://` or `redis-sentinel://`; may hold a password.
    pub url: Secret<String>,
    /// Password that stands beside the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret<String>>,
    /// First part of every key; `None` is the default prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// As `tollgate run` has it.
impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            redis: None,
            deadline_ms: 20,
            hold_lifetime_s: 30,
        }
    }
}
