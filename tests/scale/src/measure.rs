//! One run: so many routes of one shape are created, single ones changed, and all created once more
//! by kubectl.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Patch, PatchParams};
use tokio::time::sleep;

use crate::args::Args;
use crate::controller::{Controllers, Memory};
use crate::create::{Created, Writer, create};
use crate::shape::Shape;
use crate::stage::Stage;

/// Between two changes: nothing of the one before is under way any more.
const PAUSE: Duration = Duration::from_millis(300);
/// Steps over the routes from one change to the next; prime, so that they lie anywhere.
const STRIDE: usize = 7919;

/// What a run came to.
pub(crate) struct Row {
    pub(crate) shape: Shape,
    pub(crate) routes: usize,
    /// As fast as the API server takes them.
    pub(crate) created: Created,
    /// By `kubectl create`.
    pub(crate) kubectl: Created,
    /// From accepted to served, of single changes; sorted.
    pub(crate) changes: Vec<Duration>,
    /// Of it the controller's translation, on average.
    pub(crate) round: Duration,
    pub(crate) memory: Memory,
    /// The leader's, from the first write to the last status.
    pub(crate) cpu_creating: Duration,
    /// The leader's, for one change.
    pub(crate) cpu_change: Duration,
    /// Bytes on the link for one change.
    pub(crate) change_bytes: f64,
}

/// Creates `size` routes and changes some.
///
/// # Errors
///
/// A write fails, or a route is not served.
pub(crate) async fn measure(stage: &Stage, shape: Shape, size: usize, args: &Args) -> Result<Row> {
    ensure!(size > 0, "a run needs a route");
    let controllers = stage.restart_controllers().await?;
    let cpu_before = controllers.cpu()?;
    let clients = Writer::Clients(args.writers);
    let created = create(stage, (shape, size), clients).await?;
    ensure_all_served(stage, shape, size, args.writers).await?;
    controllers.settled().await?;
    let cpu_creating = controllers.cpu()?.saturating_sub(cpu_before);
    let changed = change(stage, shape, size, (args.changes, &controllers)).await?;
    let memory = controllers.memory()?;
    stage.clear(shape).await?;
    // The deletions are through as well.
    controllers.settled().await?;
    sleep(PAUSE).await;
    let kubectl = create(stage, (shape, size), Writer::Kubectl).await?;
    ensure_all_served(stage, shape, size, args.writers).await?;
    controllers.settled().await?;
    stage.clear(shape).await?;
    Ok(Row {
        shape,
        routes: size,
        created,
        kubectl,
        changes: changed.lags,
        round: changed.round,
        memory,
        cpu_creating,
        cpu_change: changed.cpu,
        change_bytes: changed.bytes,
    })
}

/// Not only those that were watched.
async fn ensure_all_served(stage: &Stage, shape: Shape, size: usize, calls: usize) -> Result<()> {
    let all = stream::iter(0..size).map(|number| stage.probe.until_served(shape, number, 0));
    let mut all = all.buffer_unordered(calls);
    while all.try_next().await?.is_some() {}
    Ok(())
}

struct Changed {
    lags: Vec<Duration>,
    round: Duration,
    cpu: Duration,
    bytes: f64,
}

async fn change(
    stage: &Stage,
    shape: Shape,
    size: usize,
    (changes, controllers): (usize, &Controllers),
) -> Result<Changed> {
    let routes = stage.routes(shape);
    let bytes_before = controllers.sum("tollgate_link_sent").await?;
    let before = controllers.figures().await?;
    let cpu_before = controllers.cpu()?;
    let mut lags = Vec::new();
    for version in 1..=changes {
        sleep(PAUSE).await;
        let number = version * STRIDE % size;
        let patch = Patch::Merge(shape.change(number, version));
        let name = shape.name(number);
        let written = routes.patch(&name, &PatchParams::default(), &patch).await;
        let accepted = Instant::now();
        written.with_context(|| format!("change {name}"))?;
        let served = stage.probe.until_served(shape, number, version).await?;
        lags.push(served - accepted);
    }
    sleep(PAUSE).await;
    let cpu = controllers.cpu()?.saturating_sub(cpu_before);
    let after = controllers.figures().await?;
    let of_rounds = |field: &str| {
        let metric = format!("tollgate_controller_round_seconds_{field}");
        after.sum(&metric) - before.sum(&metric)
    };
    let bytes = controllers.sum("tollgate_link_sent").await? - bytes_before;
    lags.sort();
    let count = u32::try_from(changes.max(1)).unwrap_or(u32::MAX);
    Ok(Changed {
        lags,
        round: Duration::from_secs_f64(of_rounds("sum").max(0.0) / of_rounds("count").max(1.0)),
        cpu: cpu / count,
        bytes: bytes / f64::from(count),
    })
}
