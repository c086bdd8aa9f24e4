//! Holds and settlements through the store, as the gateway makes them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use tollgate_budget::{
    Account, Charge, HoldId, HoldOutcome, HoldReceipt, HoldRequest, Settlement, Store,
};
use tollgate_bundle::{OnStoreFailure, WindowKind};
use tollgate_harness::RedisServer;
use tollgate_redis::RedisStore;

use crate::cpu;

/// Limits that apply to a request.
pub(super) const LIMITS: [usize; 3] = [1, 2, 4];
/// Subjects that share the load.
const SUBJECTS: usize = 1_000;
/// Keys whose memory is asked for.
const SAMPLE: usize = 200;

/// How fast something went.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    pub(super) per_second: f64,
    /// The server's, for each call.
    pub(super) server_cpu: Duration,
    /// Of each call, sorted; none where they are not known.
    pub(super) latencies: Vec<Duration>,
}

/// Holds, each with an id of its own.
pub(super) struct Load<'a> {
    pub(super) store: &'a RedisStore,
    pub(super) limits: usize,
    pub(super) calls: usize,
    pub(super) run: u64,
}

// === impl Load ===

impl Load<'_> {
    /// With that many in flight at once.
    pub(super) async fn measure(&self, pid: u32, in_flight: usize) -> Result<Rate> {
        let next = AtomicUsize::new(0);
        let before = cpu::time(&[pid])?;
        let begun = Instant::now();
        let lanes: Vec<Vec<Duration>> = stream::iter(0..in_flight)
            .map(|_| self.lane(&next))
            .buffer_unordered(in_flight)
            .try_collect()
            .await?;
        let took = begun.elapsed();
        let mut latencies = lanes.concat();
        latencies.sort_unstable();
        Ok(Rate {
            per_second: self.calls as f64 / took.as_secs_f64(),
            server_cpu: (cpu::time(&[pid])? - before).div_f64(self.calls as f64),
            latencies,
        })
    }

    async fn lane(&self, next: &AtomicUsize) -> Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        loop {
            let call = next.fetch_add(1, Ordering::Relaxed);
            if call >= self.calls {
                return Ok(latencies);
            }
            let id = u128::from(self.run) << 64 | u128::try_from(call)?;
            let request = request(id, call % SUBJECTS, self.limits);
            let begun = Instant::now();
            hold(self.store, &request).await?;
            latencies.push(begun.elapsed());
        }
    }
}

/// One hold after the other, sorted; each is settled.
pub(super) async fn alone(store: &RedisStore, calls: usize) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    for call in 0..calls {
        let id = 1 << 100 | u128::try_from(call)?;
        let request = request(id, call % SUBJECTS, 2);
        let begun = Instant::now();
        let receipt = hold(store, &request).await?;
        latencies.push(begun.elapsed());
        settle(store, receipt).await?;
    }
    latencies.sort_unstable();
    Ok(latencies)
}

/// Bytes of an account, its key's name included, when its calls are settled.
pub(super) async fn memory(
    server: &RedisServer,
    store: &RedisStore,
    subjects: usize,
) -> Result<f64> {
    server.command(&["FLUSHALL"]).await?;
    stream::iter(0..subjects)
        .map(async |subject| {
            let request = request(1 << 101 | u128::try_from(subject)?, subject, 1);
            let receipt = hold(store, &request).await?;
            settle(store, receipt).await
        })
        .buffer_unordered(16)
        .try_collect::<Vec<()>>()
        .await?;
    let keys = server
        .command(&["--scan", "--pattern", "tg1:*:a:*"])
        .await?;
    let mut bytes = 0.0;
    for key in keys.lines().take(SAMPLE) {
        let usage = server.command(&["MEMORY", "USAGE", key]).await?;
        bytes += usage.trim().parse::<f64>().context("bytes")?;
    }
    Ok(bytes / SAMPLE as f64)
}

async fn hold(store: &RedisStore, request: &HoldRequest) -> Result<HoldReceipt> {
    match store.hold(request).await? {
        HoldOutcome::Granted(receipt) => Ok(receipt),
        HoldOutcome::Denied(denial) => bail!("denied: {denial:?}"),
    }
}

async fn settle(store: &RedisStore, receipt: HoldReceipt) -> Result<()> {
    let charges = receipt.entries.iter().map(|entry| entry.held / 2).collect();
    store.settle(&Settlement { receipt, charges }).await?;
    Ok(())
}

/// As for a chat of some length, under budgets of that many limits.
fn request(id: u128, subject: usize, limits: usize) -> HoldRequest {
    let subject: Arc<str> = Arc::from(format!("user:{subject}"));
    let windows = [
        WindowKind::Day,
        WindowKind::Minute,
        WindowKind::Month,
        WindowKind::Lifetime,
    ];
    let charges = windows.iter().take(limits).map(|window| Charge {
        account: Account {
            budget: Arc::from("default/daily"),
            subject: Arc::clone(&subject),
            window: *window,
            time_zone: Arc::from("UTC"),
            limit: 1 << 50,
        },
        fixed: 700,
        per_output: 1,
        enforce: true,
        on_failure: OnStoreFailure::Closed,
    });
    HoldRequest {
        id: HoldId(id),
        charges: charges.collect(),
        output_want: 4_096,
        output_min: 16,
    }
}
