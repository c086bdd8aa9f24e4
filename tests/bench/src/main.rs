//! `make bench`: what a call through Tollgate costs, as a ratio to plain Envoy as reverse proxy
//! in the same run, in front of the same upstream.
//!
//! CPU is that of the gateway's processes alone (Envoy and tollgate), read from the kernel's
//! scheduler statistics; the load generator and the upstream live in this process and are not
//! counted. Absolute figures depend on the machine; the ratios are what is compared.

#![forbid(unsafe_code)]

mod cases;
mod cpu;
mod ledger;
mod load;
mod plain_envoy;
mod report;
mod rls;
mod subject;

use anyhow::{Context, Result};
use clap::Parser;
use tollgate_provider::{Simulator, SimulatorConfig};

/// Measures Tollgate against plain Envoy.
#[derive(Debug, Parser)]
struct Args {
    /// The tollgate binary.
    #[arg(long, default_value = "target/release/tollgate")]
    tollgate: std::path::PathBuf,

    /// Rounds; each measures both gateways once, one after the other. The median ratio counts.
    #[arg(long, default_value_t = 7)]
    rounds: usize,

    /// Requests of a round at 1 KB; larger bodies get fewer.
    #[arg(long, default_value_t = 6000)]
    requests: usize,

    /// Connections of the load.
    #[arg(long, default_value_t = 16)]
    connections: usize,

    /// Only cases whose name contains this; `rls`: only the rate limit service;
    /// `ledger`: only the ledger on Redis.
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    if args.only == "rls" {
        return rls::measure(args.rounds).await;
    }
    if args.only == "ledger" {
        return ledger::run().await;
    }
    let upstream = Simulator::start(SimulatorConfig::default())
        .await
        .context("start the upstream")?;
    let plain = plain_envoy::start(upstream.addr()).await?;
    let begun = std::time::Instant::now();
    let tollgate = subject::tollgate(&args.tollgate, upstream.addr()).await?;
    let first_answer = tollgate.first_answer(begun).await?;

    let mut rows = Vec::new();
    for case in cases::cases(args.requests) {
        if !case.name.contains(&args.only) {
            continue;
        }
        rows.push(cases::measure(&case, &plain, &tollgate, &args).await?);
    }
    report::print(&rows, first_answer, &plain, &tollgate);
    if args.only.is_empty() {
        rls::measure(args.rounds).await?;
        ledger::run().await?;
    }
    Ok(())
}
