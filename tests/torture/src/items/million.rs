//! Item 20: very many calls over all processes with random faults of clients, providers and Redis;
//! in the end the sum of what was charged is the sum of what was produced.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tollgate_harness::Harm;

use crate::{
    Findings, Stage, User, UserSpec, Wait,
    call::{directed, streamed},
    load::{Connection, Leave},
    peer::Providers,
};

const CONNECTIONS: u64 = 24;
/// Users whose limit is never reached, and users whose limit is reached on the way.
const RICH: usize = 6;
const POOR: usize = 2;
/// Of a hundred calls, so many have a fault of provider or client.
const FAULTY_PERCENT: u64 = 12;
/// What a canned answer of the simulator costs.
const CANNED_TOKENS: u64 = 96;
/// Between two short outages of Redis.
const OUTAGE_EVERY: Duration = Duration::from_secs(10);
/// Else most calls of a run would be those refused at once while Redis is away.
const AFTER_503: Duration = Duration::from_millis(50);
const OUTAGE: Duration = Duration::from_millis(200);
/// Holds whose gateway could not free them expire; settlements wait for Redis.
const SETTLE_PATIENCE: Duration = Duration::from_secs(40);

/// Faults after which it is known to the token what the provider produced.
const FAULTS: [&str; 12] = [
    "status:503",
    "no_usage",
    "zero_usage",
    "usage_twice",
    "reset_before_head",
    "late_usage:5",
    "cumulative_usage",
    "status:429",
    "cut:3:end",
    "stream_error:2",
    "garbage_body",
    "leaves",
];

/// What all connections share.
struct Plan {
    requests: u64,
    next: AtomicU64,
    seed: u64,
    urls: Vec<String>,
    /// Served by canned answers.
    steady: Vec<User>,
    /// Served by the full simulators, with faults.
    faulty: Vec<User>,
    statuses: Mutex<BTreeMap<u16, u64>>,
    outages: AtomicU64,
}

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let plan = Arc::new(plan(stage).await?);
        stage.clear();
        let begun = Instant::now();
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|number| tokio::spawn(connection(number, Arc::clone(&plan))))
            .collect();
        let running = async {
            for task in tasks {
                task.await?;
            }
            anyhow::Ok(())
        };
        tokio::select! {
            done = running => done?,
            () = harm(stage, &plan) => {}
        }
        let took = begun.elapsed();
        if let Some(store) = &stage.store {
            store.proxy.heal();
            let (resets, pauses) = store.proxy.harmed();
            findings.measure(format!(
                "Redis: {resets} connections reset, {pauses} answers late, {} outages of {} ms",
                plan.outages.load(Ordering::Relaxed),
                OUTAGE.as_millis()
            ));
        }
        stage.idle().await?;
        verdict(stage, &plan, took, &mut findings).await?;
        Ok(findings)
    })
}

async fn plan(stage: &mut Stage) -> Result<Plan> {
    let requests = if let Some(requests) = stage.requests {
        requests
    } else if stage.tollgate().is_some() {
        stage.of(5_000, 1_000_000)
    } else {
        // At its pace a million calls would take hours.
        stage.of(2_000, 20_000)
    };
    // A poor user's calls would cost more than this many times over.
    let share = requests * (100 - FAULTY_PERCENT) / 100 / (RICH + POOR) as u64;
    let poor_limit = share * CANNED_TOKENS / 3;
    let mut steady = Vec::new();
    for number in 0..RICH + POOR {
        let limit = if number < RICH {
            1_000_000_000_000
        } else {
            poor_limit
        };
        let spec = UserSpec::new(&format!("many-{number}"), limit).asked("bench-whole");
        steady.push(stage.user(spec).await?);
    }
    let mut faulty = Vec::new();
    for number in 0..2 {
        let spec = UserSpec::new(&format!("faulty-{number}"), 1_000_000_000_000)
            .providers(Providers::FirstThenSecond);
        faulty.push(stage.user(spec).await?);
    }
    let urls = (0..stage.peer.replicas()).map(|replica| stage.peer.url(replica));
    Ok(Plan {
        requests,
        next: AtomicU64::new(0),
        seed: stage.seed,
        urls: urls.collect(),
        steady,
        faulty,
        statuses: Mutex::default(),
        outages: AtomicU64::new(0),
    })
}

/// One client: the next request goes out when the last is answered.
async fn connection(number: u64, plan: Arc<Plan>) {
    let urls = plan.urls.len() as u64;
    let url = &plan.urls[usize::try_from(number % urls).unwrap_or(0)];
    let mut connection = Connection::new(url);
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    loop {
        let request = plan.next.fetch_add(1, Ordering::Relaxed);
        if request >= plan.requests {
            break;
        }
        let (user, body, leave) = plan.request(request);
        let status = connection.chat(&user.key, &body, leave).await;
        *statuses.entry(status).or_default() += 1;
        if status == 503 {
            // As a client that heeds `retry-after` would, if not for as long.
            tokio::time::sleep(AFTER_503).await;
        }
    }
    if let Ok(mut all) = plan.statuses.lock() {
        for (status, count) in statuses {
            *all.entry(status).or_default() += count;
        }
    }
}

/// Harms Redis for as long as the calls go on; never ends by itself.
async fn harm(stage: &Stage, plan: &Plan) {
    let Some(store) = &stage.store else {
        return std::future::pending().await;
    };
    let flaky = Harm::Flaky {
        resets: 200,
        pauses: 500,
        pause: Duration::from_millis(60),
    };
    let outages = [Harm::Reset, Harm::Hang, Harm::HalfOpen, Harm::BlackHole];
    for outage in outages.iter().cycle() {
        store.proxy.set(flaky.clone());
        tokio::time::sleep(OUTAGE_EVERY).await;
        if plan.next.load(Ordering::Relaxed) < plan.requests {
            store.proxy.set(outage.clone());
            plan.outages.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(OUTAGE).await;
        }
    }
}

async fn verdict(
    stage: &Stage,
    plan: &Plan,
    took: Duration,
    findings: &mut Findings,
) -> Result<()> {
    let produced = stage.produced();
    let begun = Instant::now();
    let (charged, held) = loop {
        let sums = sums(stage, plan).await;
        let is_settled = sums.as_ref().is_ok_and(|sums| *sums == (produced, 0));
        if is_settled || begun.elapsed() > SETTLE_PATIENCE {
            break sums.context("read the accounts")?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let statuses = plan.statuses.lock().map(|statuses| statuses.clone());
    let statuses = statuses.unwrap_or_default();
    let text: Vec<_> = statuses
        .iter()
        .map(|(status, count)| match status {
            0 => format!("{count} left or broken"),
            _ => format!("{count} × {status}"),
        })
        .collect();
    let rate = plan.requests as f64 / took.as_secs_f64();
    findings.measure(format!(
        "{} requests at {rate:.0}/s: {}",
        plan.requests,
        text.join(", ")
    ));
    findings.measure(format!(
        "settled {:.1} s after the last",
        begun.elapsed().as_secs_f64()
    ));
    findings.no_drift("sum of all accounts", charged, produced);
    findings.equal("held in the end", held, 0);
    let served = statuses.get(&200).copied().unwrap_or(0);
    findings.require(
        served >= plan.requests / 2,
        format!("only {served} of {} were served", plan.requests),
    );
    for poor in &plan.steady[RICH..] {
        let pots = if stage.is_shared() {
            1
        } else {
            stage.peer.replicas()
        };
        for replica in 0..pots {
            let spent = stage.peer.spent(replica, poor).await?;
            findings.require(
                spent.charged <= poor.limit,
                format!("{}: {} of {}", poor.name, spent.charged, poor.limit),
            );
        }
    }
    Ok(())
}

/// Charged and held over all users, and over all ledgers.
async fn sums(stage: &Stage, plan: &Plan) -> Result<(u64, u64)> {
    let ledgers = if stage.is_shared() {
        1
    } else {
        stage.peer.replicas()
    };
    let mut sums = (0, 0);
    for user in plan.steady.iter().chain(&plan.faulty) {
        for replica in 0..ledgers {
            let spent = stage.peer.spent(replica, user).await?;
            sums.0 += spent.charged;
            sums.1 += spent.held.unwrap_or(0);
        }
    }
    Ok(sums)
}

// === impl Plan ===

impl Plan {
    /// The nth request; the same for the same seed.
    fn request(&self, number: u64) -> (&User, String, Leave) {
        let chance = mixed(self.seed.wrapping_add(number));
        if chance % 100 >= FAULTY_PERCENT {
            let user = &self.steady[pick(chance >> 8, self.steady.len())];
            let body = format!(
                "{{\"model\":\"{}\",\"max_tokens\":64,\"messages\":[{{\"role\":\"user\",\"content\":\"Tell me about river {}.\"}}]}}",
                user.model,
                number % 1000
            );
            return (user, body, Leave::AtTheEnd);
        }
        let user = &self.faulty[pick(chance >> 8, self.faulty.len())];
        let output = 1 + (chance >> 16) % 40;
        let fault = FAULTS[pick(chance >> 24, FAULTS.len())];
        let only_streamed = ["cut:3:end", "leaves"].contains(&fault);
        let stream = only_streamed || (chance >> 32).is_multiple_of(2);
        let (directives, leave) = if fault == "leaves" {
            let leave = Leave::AfterContents(usize::try_from(output).unwrap_or(1));
            (format!("output={output} fault=late_usage:60000"), leave)
        } else {
            (format!("output={output} fault={fault}"), Leave::AtTheEnd)
        };
        let body = directed(&user.model, &directives, 64);
        let body = if stream { streamed(body) } else { body };
        (user, body.to_string(), leave)
    }
}

fn pick(chance: u64, of: usize) -> usize {
    usize::try_from(chance % of.max(1) as u64).unwrap_or(0)
}

/// splitmix64
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
