//! The options of `tollgate ratelimit`.

use std::{net::IpAddr, path::PathBuf};

use clap::ValueEnum;
use tollgate_ratelimit::{Headers, Listen};

use super::{LogArgs, StoreArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct RateLimitArgs {
    /// Manifests: files or folders, as `tollgate run` reads them; their changes are followed.
    #[arg(
        short = 'f',
        long = "config",
        value_name = "PATH",
        required = true,
        num_args = 1..
    )]
    pub(crate) config: Vec<PathBuf>,

    /// Where Envoy asks: IP:PORT, or unix:PATH. There is no TLS: whoever reaches this address
    /// can spend everybody's limits.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081",
        env = "TOLLGATE_RATELIMIT_LISTEN"
    )]
    pub(crate) listen: Listen,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Who writes x-ratelimit-* into answers to clients. Envoy does where its filter has
    /// enable_x_ratelimit_headers; the service should only where it has not.
    #[arg(long, value_enum, default_value_t = HeadersBy::Envoy)]
    pub(crate) headers: HeadersBy,

    /// Threads that serve connections; the default is the number of cores.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,

    /// Port of the admin endpoint: /health, /ready, /metrics, /status, /v1/budgets. 0 picks a free
    /// one.
    #[arg(long, default_value_t = 1065, env = "TOLLGATE_ADMIN_PORT")]
    pub(crate) admin_port: u16,

    /// Address of the admin endpoint.
    #[arg(long, default_value = "127.0.0.1", env = "TOLLGATE_ADMIN_BIND")]
    pub(crate) admin_bind: IpAddr,

    /// File with the bearer token of /v1/budgets, as for `tollgate run`.
    #[arg(long, value_name = "PATH", env = "TOLLGATE_ADMIN_TOKEN_FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeadersBy {
    Envoy,
    Service,
}

impl From<HeadersBy> for Headers {
    fn from(by: HeadersBy) -> Self {
        match by {
            HeadersBy::Envoy => Self::Envoy,
            HeadersBy::Service => Self::Service,
        }
    }
}
