//! Item 12: the store's clock is set to seconds before an edge of the calendar, and goes on. With
//! Redis its processes have clocks half a minute apart, which must not matter.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tollgate_harness::{
    Client, RedisServer, Scenario, UsageAccount, client_key, eventually_within, faketime,
    faketime_variables,
};

use crate::{
    Findings, Stage, Wait,
    call::{ask, say},
    peer::tollgate::{Surroundings, Tollgate},
};

/// An edge of the calendar in Europe/Madrid.
struct Edge {
    name: &'static str,
    /// Three seconds before it, in UTC.
    before: &'static str,
    window: &'static str,
    /// Length of the window that begins there.
    hours: u64,
}

const HOURS_A_DAY: u64 = 24;
/// Forward in time: clocks of stores are not set back.
const EDGES: [Edge; 5] = [
    Edge {
        name: "clocks go forward",
        before: "2026-03-28 22:59:57",
        window: "Day",
        hours: 23,
    },
    Edge {
        name: "clocks go back",
        before: "2026-10-24 21:59:57",
        window: "Day",
        hours: 25,
    },
    Edge {
        name: "month of 28 days",
        before: "2027-01-31 22:59:57",
        window: "Month",
        hours: 28 * HOURS_A_DAY,
    },
    Edge {
        name: "month of 29 days",
        before: "2028-01-31 22:59:57",
        window: "Month",
        hours: 29 * HOURS_A_DAY,
    },
    Edge {
        name: "leap day",
        before: "2028-02-28 22:59:57",
        window: "Day",
        hours: HOURS_A_DAY,
    },
];
const PATIENCE: Duration = Duration::from_secs(15);
/// Clocks of processes are apart by twice this.
const SKEWS: [&str; 2] = ["+30s", "-30s"];

/// Whose clock decides.
enum Clock {
    Redis(Box<RedisServer>),
    /// Of the one process.
    Process(TempDir),
}

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let providers = [stage.provider.addr(), stage.second.addr()];
        let shared = stage.is_shared();
        let every = stage.of(4, 1);
        let Some(tollgate) = stage.tollgate() else {
            return Ok(Findings::not_applicable("has no windows of the calendar"));
        };
        ensure!(
            faketime().is_some(),
            "libfaketime is missing: install Debian's package faketime (make torture-deps)"
        );
        let folder = tempfile::tempdir().context("make a folder")?;
        let first = shift_to(EDGES[0].before)?;
        let (clock, mut surroundings) = if shared {
            with_redis(&first, folder.path()).await?
        } else {
            in_memory(&first)?
        };
        surroundings
            .args
            .push(own_clock_for_envoy(tollgate, folder.path())?);
        let mut apart = Tollgate::start(tollgate.config(), surroundings, providers).await?;
        apart.write("edges.yaml", &manifests(&apart))?;
        let replicas = apart.gateways().len();
        let mut findings = Findings::new();
        for edge in EDGES.iter().step_by(every) {
            clock.set(&shift_to(edge.before)?)?;
            cross(&apart, edge, &mut findings)
                .await
                .with_context(|| edge.name)?;
        }
        findings.measure(match clock {
            Clock::Redis(_) => {
                format!("{replicas} processes with clocks 60 s apart, Redis' clock decides")
            }
            Clock::Process(_) => "one process, its own clock decides".to_string(),
        });
        Ok(findings)
    })
}

/// How far this time in UTC is from now, as libfaketime reads it.
fn shift_to(time: &str) -> Result<String> {
    let time: jiff::civil::DateTime = time.parse().with_context(|| format!("parse {time:?}"))?;
    let then = time.in_tz("UTC").context("a time in UTC")?.timestamp();
    let seconds = then.duration_since(jiff::Timestamp::now()).as_secs_f64();
    Ok(format!("{seconds:+.3}s"))
}

/// Envoy's allocator does not start with another clock; its clock does not matter either.
fn own_clock_for_envoy(tollgate: &Tollgate, folder: &Path) -> Result<String> {
    let gateway = tollgate.gateways().first().context("a gateway")?;
    let (_, line) = gateway.envoy()?;
    let envoy = line.first().context("Envoy's path")?;
    let script = folder.join("envoy");
    std::fs::write(
        &script,
        format!("#!/bin/sh\nunset LD_PRELOAD\nexec '{envoy}' \"$@\"\n"),
    )?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(format!("--envoy={}", script.display()))
}

async fn with_redis(first: &str, folder: &Path) -> Result<(Clock, Surroundings)> {
    let redis = RedisServer::start_with_clock(first).await?;
    let mut environments = Vec::new();
    for (number, skew) in SKEWS.iter().enumerate() {
        let file = folder.join(format!("clock-{number}"));
        std::fs::write(&file, format!("{skew}\n")).context("write a clock")?;
        environments.push(variables(&file)?);
    }
    let surroundings = Surroundings {
        redis_url: Some(redis.url()),
        environments,
        ..Surroundings::default()
    };
    Ok((Clock::Redis(Box::new(redis)), surroundings))
}

fn in_memory(first: &str) -> Result<(Clock, Surroundings)> {
    let folder = tempfile::tempdir().context("make a folder")?;
    let file = folder.path().join("clock");
    std::fs::write(&file, format!("{first}\n")).context("write the clock")?;
    let surroundings = Surroundings {
        environments: vec![variables(&file)?],
        ..Surroundings::default()
    };
    Ok((Clock::Process(folder), surroundings))
}

fn variables(file: &Path) -> Result<Vec<(String, String)>> {
    let text = |value: std::ffi::OsString| value.into_string().ok().context("a path in UTF-8");
    faketime_variables(file)
        .into_iter()
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

fn manifests(tollgate: &Tollgate) -> String {
    let mut scenario = Scenario::default().consumer("edge", "nobody");
    for window in ["Day", "Month"] {
        let name = window.to_lowercase();
        let limits = format!("[{{tokens: 100000, window: {window}, timeZone: Europe/Madrid}}]");
        scenario = scenario
            .route(&name, &[tollgate.backend(&name, &name)], "")
            .budget(&budget_of(window), "User", &limits, &[&name]);
    }
    scenario.to_string()
}

fn budget_of(window: &str) -> String {
    format!("edge-{}", window.to_lowercase())
}

/// Spends before the edge, crosses it, looks.
async fn cross(tollgate: &Tollgate, edge: &Edge, findings: &mut Findings) -> Result<()> {
    let Edge {
        name,
        before: _,
        window,
        hours,
    } = edge;
    let budget = format!("default/{}", budget_of(window));
    let clients: Vec<Client> = tollgate
        .gateways()
        .iter()
        .map(|gateway| gateway.client(Some(&client_key("edge"))))
        .collect();
    let first = clients.first().context("a client")?;
    // All processes see the same window: the edge is near for each.
    for client in &clients {
        eventually_within(PATIENCE, "the edge is near", async || {
            let account = client.usage_of(&budget).await.ok()?;
            (account.reset_seconds.unwrap_or(u64::MAX) <= 3).then_some(())
        })
        .await?;
    }
    let model = window.to_lowercase();
    let told = say(first, &ask(&model, 5, 16)).await?;
    ensure!(told.status == 200, "{}: {}", told.status, told.body);
    let last = clients.last().context("a client")?;
    let spent = eventually_within(PATIENCE, "the charge before the edge", async || {
        let account = last.usage_of(&budget).await.ok()?;
        (account.used == told.tokens() || account.reset_seconds.unwrap_or(0) > 10)
            .then_some(account)
    })
    .await?;
    findings.equal(&format!("{name}: used before"), spent.used, told.tokens());
    let whole = hours * 3600;
    for (number, client) in clients.iter().enumerate() {
        let account: UsageAccount = eventually_within(PATIENCE, "the edge is past", async || {
            let account = client.usage_of(&budget).await.ok()?;
            (account.reset_seconds.unwrap_or(0) > 10).then_some(account)
        })
        .await?;
        let reset = account.reset_seconds.unwrap_or(0);
        findings.equal(
            &format!("{name}: used after, process {number}"),
            account.used,
            0,
        );
        findings.require(
            reset <= whole && reset + 15 >= whole,
            format!("{name}: the window after lasts {reset} s instead of {whole}"),
        );
    }
    findings.measure(format!("{name}: {hours} h"));
    Ok(())
}

// === impl Clock ===

impl Clock {
    fn set(&self, shift: &str) -> Result<()> {
        match self {
            Self::Redis(redis) => redis.set_clock(shift),
            Self::Process(folder) => {
                let draft = folder.path().join("draft");
                std::fs::write(&draft, format!("{shift}\n")).context("write the clock")?;
                std::fs::rename(draft, folder.path().join("clock")).context("set the clock")
            }
        }
    }
}
