//! Item 17: a budget is applied and, the moment its status says that it is enforced, called
//! against.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_harness::{Gateway, Scenario, eventually_within};

use crate::{Findings, Stage, User, UserSpec, Wait, call::ask, crowd::at_once};

const CALLS: usize = 8;

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        if stage.tollgate().is_none() {
            return Ok(Findings::not_applicable(
                "there is no status that reads Ready",
            ));
        }
        let mut findings = Findings::new();
        let rounds = stage.of(4, 40);
        let user = stage.user(UserSpec::new("applied", 1_000_000)).await?;
        let mut slowest = Duration::ZERO;
        let mut calls = 0;
        for round in 0..rounds {
            let name = format!("applied-{round}");
            let yaml = Scenario::default()
                .budget(&name, "User", "[{tokens: 0, window: Month}]", &[&user.name])
                .to_string();
            let file = format!("{name}.yaml");
            let begun = Instant::now();
            stage.tollgate().context("Tollgate")?.write(&file, &yaml)?;
            for replica in 0..stage.peer.replicas() {
                slowest = slowest.max(enforced(stage, replica, &name, begun).await?);
                calls += refused(stage, replica, &user, &mut findings).await?;
            }
            stage.tollgate().context("Tollgate")?.remove(&file)?;
            for replica in 0..stage.peer.replicas() {
                served_again(stage, replica, &user).await?;
            }
        }
        findings.measure(format!(
            "{rounds} budgets applied, {calls} calls right after Ready, slowest Ready {} ms",
            slowest.as_millis()
        ));
        Ok(findings)
    })
}

/// Waits, without pausing between two looks, until the budget is enforced.
async fn enforced(
    stage: &mut Stage,
    replica: usize,
    budget: &str,
    begun: Instant,
) -> Result<Duration> {
    let tollgate = stage.tollgate().context("Tollgate")?;
    let gateway = tollgate.gateways().get(replica).context("a gateway")?;
    loop {
        if is_enforced(gateway, budget).await? {
            return Ok(begun.elapsed());
        }
        anyhow::ensure!(
            begun.elapsed() < Duration::from_secs(20),
            "{budget} is not enforced at process {replica}: {}",
            gateway.status().await?
        );
    }
}

async fn is_enforced(gateway: &Gateway, budget: &str) -> Result<bool> {
    let status = gateway.status().await?;
    let object = status["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|object| {
            object["object"]["kind"] == "TokenBudget" && object["object"]["name"] == budget
        });
    let conditions = object.map(|object| &object["status"]["conditions"]);
    let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
    Ok(conditions
        .filter(|condition| condition["type"] == "Enforced")
        .any(|condition| condition["status"] == "True"))
}

/// No call is served any more.
async fn refused(
    stage: &Stage,
    replica: usize,
    user: &User,
    findings: &mut Findings,
) -> Result<usize> {
    let clients = [stage.client(replica, user)];
    let crowd = at_once(&clients, CALLS, &ask(&user.model, 1, 1)).await?;
    findings.require(
        crowd.count(429) == CALLS,
        format!("right after Ready at process {replica}: {}", crowd.text()),
    );
    Ok(CALLS)
}

async fn served_again(stage: &Stage, replica: usize, user: &User) -> Result<()> {
    let client = stage.client(replica, user);
    eventually_within(
        Duration::from_secs(20),
        "the route is open again",
        async || {
            let answer = client.chat(&ask(&user.model, 1, 1)).await.ok()?;
            (answer.status() == 200).then_some(())
        },
    )
    .await
}
