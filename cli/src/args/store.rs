//! Where budgets are kept: the options of `tollgate run`.

use std::path::{Path, PathBuf};

use tollgate_link::{RedisSettings, StoreSettings};
use tollgate_secret::Secret;

use crate::misuse::Misuse;

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
    /// The settings that they stand for, with the password that a file holds.
    ///
    /// # Errors
    ///
    /// The password file cannot be used.
    pub(crate) fn settings(&self) -> Result<StoreSettings, Misuse> {
        let Self {
            redis,
            redis_password_file,
            redis_prefix,
            store_deadline,
            hold_lifetime,
        } = self;
        let redis = redis.as_ref().map(|url| {
            let password = redis_password_file.as_deref().map(password).transpose()?;
            Ok(RedisSettings {
                url: Secret::new(url.clone()),
                password,
                prefix: redis_prefix.clone(),
            })
        });
        Ok(StoreSettings {
            redis: redis.transpose()?,
            deadline_ms: *store_deadline,
            hold_lifetime_s: *hold_lifetime,
        })
    }
}

fn password(path: &Path) -> Result<Secret<String>, Misuse> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Misuse(format!("--redis-password-file {shown}: {error}")))?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err(Misuse(format!("--redis-password-file {shown} is empty")));
    }
    Ok(Secret::new(password.to_string()))
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
