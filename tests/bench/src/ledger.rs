//! The ledger on Redis against what the same server can do at most: `redis-benchmark` running a
//! script that does nothing, with the same number of requests in flight.
//!
//! The two take turns and the median of the ratios counts: other work on the machine hits both.
//! A server's CPU time per call says what one core carries whoever asks.

mod floor;
mod holds;
mod report;

use anyhow::{Context, Result};
use tollgate_harness::RedisServer;
use tollgate_redis::{RedisOptions, RedisStore};

/// Requests in flight at once.
const IN_FLIGHT: usize = 50;
/// Turns of each.
const ROUNDS: usize = 5;
/// Calls of a turn.
const CALLS: usize = 40_000;
/// Calls one after the other, for the latency.
const CALLS_ALONE: usize = 5_000;
/// Subjects whose memory is measured.
const SUBJECTS: usize = 10_000;

/// Measures and prints.
pub(crate) async fn run() -> Result<()> {
    let server = RedisServer::start().await?;
    let store = RedisStore::connect(&server.url(), RedisOptions::default())?;
    store.ready().await?;
    let pid = server_pid(&server).await?;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let floor = floor::measure(&server, pid, CALLS, IN_FLIGHT).await?;
        let mut held = Vec::new();
        for limits in holds::LIMITS {
            let load = holds::Load {
                store: &store,
                limits,
                calls: CALLS,
                run: u64::try_from(round).context("few rounds")?,
            };
            held.push(load.measure(pid, IN_FLIGHT).await?);
            server.command(&["FLUSHALL"]).await?;
        }
        rounds.push(report::Round { floor, held });
    }
    let alone = holds::alone(&store, CALLS_ALONE).await?;
    let memory = holds::memory(&server, &store, SUBJECTS).await?;
    report::print(&rounds, &alone, memory);
    Ok(())
}

async fn server_pid(server: &RedisServer) -> Result<u32> {
    let info = server.command(&["INFO", "server"]).await?;
    info.lines()
        .find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
        .context("the server tells no process id")
}
