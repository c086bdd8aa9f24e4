//! What the command line says.

use clap::Parser;

/// Measures Tollgate against plain Envoy.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The tollgate binary.
    #[arg(long, default_value = "target/release/tollgate")]
    pub(crate) tollgate: std::path::PathBuf,

    /// Times that both gateways are started: two processes of the same program differ for as long
    /// as they live, so that more starts tell more than more rounds.
    #[arg(long, default_value_t = 12)]
    pub(crate) starts: usize,

    /// Rounds after each start; each measures both gateways once, one after the other. The median
    /// ratio of all counts.
    #[arg(long, default_value_t = 2)]
    pub(crate) rounds: usize,

    /// Requests of a round at 1 KB; larger bodies get fewer.
    #[arg(long, default_value_t = 6000)]
    pub(crate) requests: usize,

    /// Connections of the load.
    #[arg(long, default_value_t = 16)]
    pub(crate) connections: usize,

    /// Only cases whose name contains this; `rls`: only the rate limit service;
    /// `ledger`: only the ledger on Redis.
    #[arg(long, default_value = "")]
    pub(crate) only: String,

    /// Also prints what each thread did: CPU time, and how often it waited.
    #[arg(long)]
    pub(crate) threads: bool,
}
