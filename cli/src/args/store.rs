//! Where budgets are kept: the options of `tollgate run`.

use std::{path::PathBuf, time::Duration};

/// The ledger's store.
#[derive(Clone, clap::Args)]
pub(crate) struct StoreArgs {
    /// Keep budgets in Redis, shared by all gateways: redis://[USER[:PASSWORD]@]HOST[:PORT][/DB],
    /// rediss:// for TLS, redis-cluster:// and redis-sentinel:// with several hosts. Without it they are kept in this process, and are gone with it.
    #[arg(
        long,
        value_name = "URL",
        env = "TOLLGATE_REDIS_URL",
        hide_env_values = true
    )]
    pub(crate) redis: Option<String>,

    /// File with the password for Redis, so that it stands in no command line.
    #[arg(
        long,
        value_name = "PATH",
        env = "TOLLGATE_REDIS_PASSWORD_FILE",
        requires = "redis"
    )]
    pub(crate) redis_password_file: Option<PathBuf>,

    /// First part of every key in Redis; gateways with the same one share their budgets.
    #[arg(
        long,
        value_name = "TEXT",
        env = "TOLLGATE_REDIS_PREFIX",
        requires = "redis"
    )]
    pub(crate) redis_prefix: Option<String>,

    /// Milliseconds that a decision waits for the store at most; then each budget's onStoreFailure
    /// decides.
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=10_000),
        env = "TOLLGATE_STORE_DEADLINE_MS"
    )]
    pub(crate) store_deadline: u64,

    /// Seconds after which the budget that a call holds comes free when its gateway has died. Live
    /// calls renew theirs.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(2..=3600),
        hide = true
    )]
    pub(crate) hold_lifetime: u64,
}

// === impl StoreArgs ===

impl StoreArgs {
    /// How long a hold that is not renewed counts.
    pub(crate) fn hold_lifetime(&self) -> Duration {
        Duration::from_secs(self.hold_lifetime)
    }

    /// How often live holds are renewed: one renewal may be lost.
    pub(crate) fn renew_every(&self) -> Duration {
        self.hold_lifetime() / 3
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for StoreArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreArgs")
            .field("redis", &self.redis.as_ref().map(|_| "*****"))
            .field("redis_password_file", &self.redis_password_file)
            .field("redis_prefix", &self.redis_prefix)
            .field("store_deadline", &self.store_deadline)
            .field("hold_lifetime", &self.hold_lifetime)
            .finish()
    }
}
