//! The rate limit service alone: gRPC on a Unix socket, the ledger in memory, one server thread.
//!
//! The load lives in this process, so that what counts is the CPU time of the server's thread:
//! decisions per second of it are what one core can do.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::sync::oneshot;
use tollgate_budget::{Clock, MemoryStore, store::memory::Bounds};
use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};
use tollgate_envoy::{
    ratelimit::{
        RateLimitRequest, rate_limit_response::Code,
        rate_limit_service_client::RateLimitServiceClient,
    },
    ratelimit_descriptor::{RateLimitDescriptor, rate_limit_descriptor::Entry},
};
use tollgate_ratelimit::{Headers, Listen, Service, Telemetry, serve};
use tonic::transport::{Channel, Endpoint};

const DOMAIN: &str = "tollgate";
/// Subjects that take turns.
const USERS: usize = 10_000;
/// Limits of the domain; requests meet a few of them.
const LIMITS: usize = 1_000;
/// How the server's thread is called.
const THREAD: &str = "ratelimit-0";
const CONNECTIONS: usize = 2;
/// A limit that no run reaches.
const PLENTY: u64 = 1 << 40;

/// What is asked, and how.
struct Case {
    name: &'static str,
    descriptors: usize,
    amount: u64,
    /// Requests in flight at once.
    in_flight: usize,
    decisions: usize,
}

const CASES: [Case; 4] = [
    Case::new("1 descriptor, served", 1, PLENTY, 64),
    Case::new("1 descriptor, refused", 1, 0, 64),
    Case::new("4 descriptors, served", 4, PLENTY, 64),
    Case::new("1 descriptor, one at a time", 1, PLENTY, 1),
];

/// Times that each case is measured; the median counts. The service is started anew for each.
const ROUNDS: usize = 5;

/// Measures all cases and prints their table.
///
/// # Errors
///
/// The service cannot be started, or answers wrongly.
#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(crate) async fn measure() -> Result<()> {
    println!();
    println!(
        "| rate limit service | decisions per CPU second | CPU, µs | decisions/s | p50, ms | p99, ms |"
    );
    println!("|---|---|---|---|---|---|");
    for case in &CASES {
        let mut costs = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            costs.push(run(case).await?);
        }
        costs.sort_by(|a, b| a.per_cpu_second().total_cmp(&b.per_cpu_second()));
        let cost = costs.get(costs.len() / 2).context("no rounds")?;
        println!(
            "| {} | {:.0} | {:.1} | {:.0} | {:.3} | {:.3} |",
            case.name,
            cost.per_cpu_second(),
            1e6 / cost.per_cpu_second(),
            cost.decisions as f64 / cost.elapsed.as_secs_f64(),
            cost.p50.as_secs_f64() * 1e3,
            cost.p99.as_secs_f64() * 1e3,
        );
    }
    Ok(())
}

/// What one run cost the server.
struct Cost {
    decisions: usize,
    cpu: Duration,
    elapsed: Duration,
    p50: Duration,
    p99: Duration,
}

async fn run(case: &Case) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ratelimit.sock");
    let store = Arc::new(MemoryStore::new(Clock::system(), Bounds::default()));
    let service = Service::new(store, Clock::system(), Headers::Envoy, Telemetry::default());
    service.apply(&limits(case.amount));
    let listener = Listen::Unix(path.clone()).bind().await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(service, listener, 1, async {
        stopped.await.unwrap_or_default();
    }));

    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        let endpoint = Endpoint::from_shared(format!("unix://{}", path.display()))?;
        channels.push(endpoint.connect().await?);
    }
    send(case, &channels, case.decisions / 10 + 1).await?;
    let thread = thread_cpu()?;
    let cpu_before = cpu(&thread)?;
    let begun = Instant::now();
    let mut times = send(case, &channels, case.decisions).await?;
    let elapsed = begun.elapsed();
    let cpu = cpu(&thread)?.saturating_sub(cpu_before);
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index).copied().unwrap_or_default()
    };
    let cost = Cost {
        decisions: times.len(),
        cpu,
        elapsed,
        p50: at(0.5),
        p99: at(0.99),
    };
    drop(channels);
    drop(stop);
    server.await??;
    Ok(cost)
}

/// Sends `count` requests, each as soon as one of its kind is answered; gives their times.
async fn send(case: &Case, channels: &[Channel], count: usize) -> Result<Vec<Duration>> {
    let next = Arc::new(AtomicUsize::new(0));
    let expected = if case.amount == 0 {
        Code::OverLimit
    } else {
        Code::Ok
    };
    let tasks: Vec<_> = channels
        .iter()
        .cycle()
        .take(case.in_flight)
        .map(|channel| {
            let mut client = RateLimitServiceClient::new(channel.clone());
            let (next, descriptors) = (Arc::clone(&next), case.descriptors);
            tokio::spawn(async move {
                let mut times = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return Ok::<_, anyhow::Error>(times);
                    }
                    let request = request(index, descriptors);
                    let begun = Instant::now();
                    let answer = client.should_rate_limit(request).await?.into_inner();
                    times.push(begun.elapsed());
                    // A wrong answer is no measurement.
                    ensure!(
                        answer.overall_code() == expected,
                        "the service answered {answer:?}"
                    );
                }
            })
        })
        .collect();
    let mut times = Vec::with_capacity(count);
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(times)
}

fn limits(amount: u64) -> BTreeMap<String, Vec<RateLimit>> {
    let limits = (0..LIMITS).map(|index| RateLimit {
        id: format!("default/policy/{index}"),
        entries: vec![
            DescriptorEntry {
                key: "limit".to_string(),
                value: Some(index.to_string()),
            },
            DescriptorEntry {
                key: "header x-user-id".to_string(),
                value: None,
            },
        ],
        amount,
        window: WindowKind::Hour,
        ..RateLimit::default()
    });
    BTreeMap::from([(DOMAIN.to_string(), limits.collect())])
}

fn request(index: usize, descriptors: usize) -> RateLimitRequest {
    let entry = |key: &str, value: String| Entry {
        key: key.to_string(),
        value,
    };
    let descriptors = (0..descriptors).map(|n| RateLimitDescriptor {
        entries: vec![
            entry("limit", ((index + n) % LIMITS).to_string()),
            entry("header x-user-id", format!("user-{}", index % USERS)),
        ],
        ..RateLimitDescriptor::default()
    });
    RateLimitRequest {
        domain: DOMAIN.to_string(),
        descriptors: descriptors.collect(),
        hits_addend: 0,
    }
}

/// The scheduler statistics of the server's thread: of the newest, where that of the run before
/// is still on its way out.
fn thread_cpu() -> Result<PathBuf> {
    let mut newest = None;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        let id = task.file_name().to_string_lossy().parse::<u32>();
        // A thread may end between the listing and the reading.
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.trim() == THREAD {
            newest = newest.max(Some((id?, task.path().join("schedstat"))));
        }
    }
    let (_, path) = newest.with_context(|| format!("no thread is called {THREAD}"))?;
    Ok(path)
}

fn cpu(schedstat: &Path) -> Result<Duration> {
    let text = std::fs::read_to_string(schedstat).context("the server's thread ended")?;
    let on_cpu = text.split_whitespace().next().unwrap_or("0");
    Ok(Duration::from_nanos(
        on_cpu.parse().context("parse schedstat")?,
    ))
}

// === impl Case ===

impl Case {
    const fn new(name: &'static str, descriptors: usize, amount: u64, in_flight: usize) -> Self {
        let decisions = if in_flight == 1 { 20_000 } else { 100_000 };
        Self {
            name,
            descriptors,
            amount,
            in_flight,
            decisions,
        }
    }
}

// === impl Cost ===

impl Cost {
    fn per_cpu_second(&self) -> f64 {
        self.decisions as f64 / self.cpu.as_secs_f64()
    }
}
