//! Creates routes, and sees how soon after each was accepted it is served.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Api;
use kube::api::PostParams;
use kube::core::DynamicObject;
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;

use crate::probe::Probe;
use crate::shape::Shape;
use crate::stage::{SCALE, Stage};

/// Routes that are watched from their write on while all are created, beside the last ones.
const WATCHED: usize = 20;

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer {
    /// So many at a time.
    Clients(usize),
    /// `kubectl create` of one file: one after the other.
    Kubectl,
}

/// What creating came to.
pub(crate) struct Created {
    /// From the first write to the last one accepted.
    pub(crate) writing: Duration,
    /// From the last write accepted to the last route served.
    pub(crate) last: Duration,
    /// From accepted to served, of routes among all; sorted.
    pub(crate) lags: Vec<Duration>,
}

/// A route by its number, and when it was accepted.
type Accepted = (usize, Instant);

/// Creates so many routes of a shape.
///
/// # Errors
///
/// A write fails, or a route is not served.
pub(crate) async fn create(
    stage: &Stage,
    (shape, size): (Shape, usize),
    writer: Writer,
) -> Result<Created> {
    let at_once = match writer {
        Writer::Clients(clients) => clients,
        Writer::Kubectl => 1,
    };
    // Room for all, so that no write waits for a route to be served.
    let (watch, watched) = mpsc::channel(WATCHED + at_once);
    let watching = tokio::spawn(watch_served(stage.probe.clone(), shape, watched));
    let begun = Instant::now();
    let mut last_accepted = begun;
    let mut accepted = match writer {
        Writer::Clients(clients) => by_clients(stage.routes(shape), (shape, size), clients),
        Writer::Kubectl => by_kubectl(shape, size)?,
    };
    while let Some((number, at)) = accepted.try_next().await? {
        last_accepted = last_accepted.max(at);
        // Those that are under way at the end may be the last.
        if number % size.div_ceil(WATCHED) == 0 || number + at_once >= size {
            let sent = watch.send((number, at)).await;
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
    mut watched: mpsc::Receiver<Accepted>,
) -> Result<(Vec<Duration>, Instant)> {
    let mut lags = Vec::new();
    let mut last_served = Instant::now();
    while let Some((number, accepted)) = watched.recv().await {
        last_served = probe.until_served(shape, number, 0).await?;
        lags.push(last_served - accepted);
    }
    Ok((lags, last_served))
}

fn by_clients(
    routes: Api<DynamicObject>,
    (shape, size): (Shape, usize),
    clients: usize,
) -> BoxStream<'static, Result<Accepted>> {
    let writes = stream::iter(0..size).map(move |number| write(routes.clone(), shape, number));
    writes.buffer_unordered(clients).boxed()
}

async fn write(routes: Api<DynamicObject>, shape: Shape, number: usize) -> Result<Accepted> {
    let route = serde_json::from_value(shape.manifest(number)).context("make a route")?;
    let created = routes.create(&PostParams::default(), &route).await;
    created.with_context(|| format!("create {}", shape.name(number)))?;
    Ok((number, Instant::now()))
}

/// kubectl says each object when the API server has taken it.
struct Kubectl {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    accepted: usize,
    size: usize,
    /// It reads it while it writes.
    _file: NamedTempFile,
}

fn by_kubectl(shape: Shape, size: usize) -> Result<BoxStream<'static, Result<Accepted>>> {
    let mut file = NamedTempFile::new().context("make a file")?;
    for number in 0..size {
        writeln!(file, "---\n{}", shape.manifest(number)).context("write manifests")?;
    }
    let mut process = Command::new("kubectl")
        .args(["create", "--namespace", SCALE, "--filename"])
        .arg(file.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start kubectl")?;
    let said = process.stdout.take().context("kubectl says nothing")?;
    let kubectl = Kubectl {
        process,
        said: BufReader::new(said).lines(),
        accepted: 0,
        size,
        _file: file,
    };
    let accepted = stream::try_unfold(kubectl, |mut kubectl| async move {
        let Some(line) = kubectl.said.next_line().await.context("read kubectl")? else {
            return kubectl.end().await.map(|()| None);
        };
        ensure!(line.ends_with(" created"), "kubectl says {line:?}");
        let accepted = (kubectl.accepted, Instant::now());
        kubectl.accepted += 1;
        Ok(Some((accepted, kubectl)))
    });
    Ok(accepted.boxed())
}

// === impl Kubectl ===

impl Kubectl {
    async fn end(mut self) -> Result<()> {
        let status = self.process.wait().await.context("wait for kubectl")?;
        ensure!(status.success(), "kubectl create ended with {status}");
        let Self { accepted, size, .. } = self;
        ensure!(accepted == size, "kubectl created {accepted} of {size}");
        Ok(())
    }
}
