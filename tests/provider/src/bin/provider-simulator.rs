//! Runs the provider simulator by hand until interrupted.

use std::{io::Write, net::SocketAddr};

use clap::Parser;
use tollgate_provider::{Simulator, SimulatorConfig};

/// Simulates OpenAI, Azure OpenAI and Anthropic on one port.
#[derive(Debug, Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8081")]
    address: SocketAddr,
    /// A key to accept; may be repeated. Any key is accepted when none is given.
    #[arg(long = "key")]
    keys: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { address, keys } = Args::parse();
    let mut simulator = Simulator::start(SimulatorConfig {
        address,
        keys,
        ..SimulatorConfig::default()
    })
    .await?;
    writeln!(
        std::io::stdout(),
        "provider simulator listens on http://{}",
        simulator.addr()
    )?;
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(())
}
