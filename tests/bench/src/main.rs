//! `make bench`: what a call through Tollgate costs, as a ratio to plain Envoy as reverse proxy
//! in the same run, in front of the same upstream.
//!
//! CPU is that of the gateway's processes alone (Envoy and tollgate), read from the kernel's
//! scheduler statistics; the load generator and the upstream live in this process and are not
//! counted. Absolute figures depend on the machine; the ratios are what is compared.

#![forbid(unsafe_code)]

mod args;
mod cases;
mod cpu;
mod ledger;
mod load;
mod plain_envoy;
mod report;
mod rls;
mod subject;

use anyhow::Result;
use args::Args;
use clap::Parser;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.only.as_str() {
        "rls" => return rls::measure().await,
        "ledger" => return ledger::run().await,
        _ => cases::run(&args).await?,
    }
    if args.only.is_empty() {
        rls::measure().await?;
        ledger::run().await?;
    }
    Ok(())
}
