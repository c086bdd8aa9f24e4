//! Where budgets are kept: the options of `tollgate run`.

use std::path::PathBuf;

/// The ledger's store.
#[derive(Clone, clap::Args)]
pub(crate) struct StoreArgs {
    /// Keep budgets in Redis, shared by all gateways: redis://[USER[:PASSWORD]@]HOST[:PORT][/DB],
    /// rediss:// for TLS. Without it they are kept in this process, and are gone with it.
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
}

/// The URL may hold a password.
impl std::fmt::Debug for StoreArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreArgs")
            .field("redis", &self.redis.as_ref().map(|_| "*****"))
            .field("redis_password_file", &self.redis_password_file)
            .field("redis_prefix", &self.redis_prefix)
            .finish()
    }
}
