//! One run: so many routes of one shape are created, then single ones changed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::args::Args;
use crate::controller::{Controllers, Memory};
use crate::probe::Probe;
use crate::shape::Shape;
use crate::stage::Stage;

/// Routes that are watched from their write on while all are created, beside the last ones.
const WATCHED: usize = 20;
/// Between two changes: nothing of the one before is under way any more.
const PAUSE: Duration = Duration::from_millis(300);
/// Steps over the routes from one change to the next; prime, so that they lie anywhere.
const STRIDE: usize = 7919;

/// What a run came to.
pub(crate) struct Row {
    pub(crate) shape: Shape,
    pub(crate) routes: usize,
    /// From the first write to the last one accepted.
    pub(crate) writing: Duration,
    /// From the last write accepted to the last route served.
    pub(crate) last: Duration,
    /// From accepted to served, of routes among all; sorted.
    pub(crate) lags: Vec<Duration>,
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
    let created = create(stage, shape, size, args.writers).await?;
    ensure_all_served(stage, shape, size, args.writers).await?;
    controllers.settled().await?;
    let cpu_creating = controllers.cpu()?.saturating_sub(cpu_before);
    let changed = change(stage, shape, size, (args.changes, &controllers)).await?;
    let row = Row {
        shape,
        routes: size,
        writing: created.writing,
        last: created.last,
        lags: created.lags,
        changes: changed.lags,
        round: changed.round,
        memory: controllers.memory()?,
        cpu_creating,
        cpu_change: changed.cpu,
        change_bytes: changed.bytes,
    };
    stage.clear(shape).await?;
    Ok(row)
}

struct Created {
    writing: Duration,
    last: Duration,
    lags: Vec<Duration>,
}

async fn create(stage: &Stage, shape: Shape, size: usize, writers: usize) -> Result<Created> {
    let routes = stage.routes(shape);
    // Room for all, so that no write waits for a route to be served.
    let (watch, watched) = mpsc::channel(WATCHED + writers);
    let watching = tokio::spawn(watch_served(stage.probe.clone(), shape, watched));
    let begun = Instant::now();
    let mut last_accepted = begun;
    let writes = stream::iter(0..size).map(|number| write(&routes, shape, number));
    let mut writes = writes.buffer_unordered(writers);
    while let Some((number, accepted)) = writes.try_next().await? {
        last_accepted = last_accepted.max(accepted);
        // Those that are under way at the end may be the last.
        if number % size.div_ceil(WATCHED) == 0 || number + writers >= size {
            let sent = watch.send((number, accepted)).await;
            sent.context("the watch of routes has ended")?;
        }
    }
    drop(watch);
    let (mut lags, last_served) = watching.await.context("watch routes")??;
    lags.sort();
    Ok(Created {
        writing: last_accepted - begun,
        last: last_served.saturating_duration_since(last_accepted),
        lags,
    })
}

/// Watches routes in the order in which they were written, one at a time: more calls would take
/// the time of those who are measured. Gives the lags, and when the last one was served.
async fn watch_served(
    probe: Probe,
    shape: Shape,
    mut watched: mpsc::Receiver<(usize, Instant)>,
) -> Result<(Vec<Duration>, Instant)> {
    let mut lags = Vec::new();
    let mut last_served = Instant::now();
    while let Some((number, accepted)) = watched.recv().await {
        last_served = probe.until_served(shape, number, 0).await?;
        lags.push(last_served - accepted);
    }
    Ok((lags, last_served))
}

async fn write(
    routes: &Api<DynamicObject>,
    shape: Shape,
    number: usize,
) -> Result<(usize, Instant)> {
    let route = serde_json::from_value(shape.manifest(number)).context("make a route")?;
    let created = routes.create(&PostParams::default(), &route).await;
    created.with_context(|| format!("create {}", shape.name(number)))?;
    Ok((number, Instant::now()))
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
