//! What `redis-benchmark` gets from a script that does nothing.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tollgate_harness::RedisServer;

use super::holds::Rate;
use crate::cpu;

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(
    server: &RedisServer,
    pid: u32,
    calls: usize,
    in_flight: usize,
) -> Result<Rate> {
    let sha = server
        .command(&["SCRIPT", "LOAD", "return 1"])
        .await?
        .trim()
        .to_owned();
    let before = cpu::time(&[pid])?;
    let running = Command::new("redis-benchmark")
        .args(["-p", &server.address().port().to_string(), "--csv"])
        .args(["-n", &calls.to_string(), "-c", &in_flight.to_string()])
        .args(["EVALSHA", &sha, "0"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, running)
        .await
        .context("redis-benchmark takes too long")?
        .context("run redis-benchmark (Debian: redis-tools)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "redis-benchmark failed: {text}");
    // A heading, then: "name","requests per second",…
    let per_second = text
        .lines()
        .last()
        .and_then(|line| line.rsplit("\",\"").nth(6))
        .and_then(|figure| figure.parse().ok())
        .with_context(|| format!("redis-benchmark says {text:?}"))?;
    Ok(Rate {
        per_second,
        server_cpu: (cpu::time(&[pid])? - before).div_f64(calls as f64),
        latencies: Vec::new(),
    })
}
