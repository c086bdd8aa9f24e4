//! `make bench-scale`: what many routes cost. On a real cluster with Tollgate installed: how soon
//! routes are served after the API server has accepted them, and what that takes of the controller.
//!
//! Runs inside the node's namespaces (`tests/cluster/exec`), where the addresses of Services and
//! pods are, and the controller's processes.

#![forbid(unsafe_code)]

mod args;
mod controller;
mod create;
mod measure;
mod probe;
mod programmed;
mod report;
mod shape;
mod stage;

use std::time::Instant;

use anyhow::{Context, Result};
use args::Args;
use clap::Parser;
use stage::Stage;
use tollgate_kubernetes::{Cluster, ConnectOptions};

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let begun = Instant::now();
    let options = ConnectOptions::default();
    let cluster = Cluster::connect(&options).await;
    let client = cluster.context("reach the cluster")?.client();
    let stage = Stage::set(client).await?;
    let programmed = programmed::measure(&stage, args.gateways).await?;
    let mut rows = Vec::new();
    for shape in &args.shapes {
        for size in &args.sizes {
            let row = measure::measure(&stage, *shape, *size, &args).await;
            let row = row.with_context(|| format!("{size} routes, {}", shape.title()))?;
            report::progress(&row);
            rows.push(row);
        }
    }
    report::print(&rows, &programmed, begun.elapsed());
    Ok(())
}
