//! Item 6: processes die in mid-stream. What they held comes free on time; nothing is charged that
//! nobody got.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tollgate_harness::{Events, command::send_signal, eventually, eventually_within};

use crate::{
    Findings, Stage, User, UserSpec, Wait,
    call::{ask, directed, say_anyway},
};

const LIMIT: u64 = 100_000;
/// Beyond the hold lifetime: renewals, the store's own sweep, this machine's load.
const SLACK: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        if stage.tollgate().is_some() {
            envoy(stage, &mut findings).await?;
        }
        gateway(stage, &mut findings).await?;
        Ok(findings)
    })
}

/// A stream that stands still for half a second after its third chunk.
async fn stream(stage: &Stage, replica: usize, user: &User) -> Result<Events> {
    let body = directed(&user.model, "output=60 chunk_delay_ms=500", 200);
    let mut events = stage.client(replica, user).stream(&body).await?;
    events.contents(3).await?;
    Ok(events)
}

/// Envoy dies, the gateway lives: the hold is freed at once, and what was generated is charged; or
/// nothing of the broken stream, where the engine that counted it was in Envoy.
async fn envoy(stage: &mut Stage, findings: &mut Findings) -> Result<()> {
    let user = stage.user(UserSpec::new("envoy-killed", LIMIT)).await?;
    stage.clear();
    let events = stream(stage, 0, &user).await?;
    let tollgate = stage.tollgate().context("Tollgate")?;
    let gateway = tollgate.gateways().first().context("a gateway")?;
    let (pid, _) = gateway.envoy()?;
    send_signal("-KILL", pid).await?;
    drop(events);
    stage.idle().await?;
    let produced = stage.produced();
    eventually_within(
        Duration::from_secs(30),
        "another Envoy serves",
        async || {
            let status = say_anyway(&stage.client(0, &user), &ask(&user.model, 1, 1)).await;
            (status == Some(200)).then_some(())
        },
    )
    .await?;
    stage.idle().await?;
    // The call that showed that Envoy is back was served too.
    let after = stage.produced();
    let spent = stage.settled(&user, after).await?;
    if spent.charged == after.saturating_sub(produced) {
        findings.measure(format!(
            "Envoy killed with its engine: the {produced} tokens of the broken stream are not charged, by rule"
        ));
    } else {
        findings.no_drift("Envoy killed", spent.charged, after);
        findings.measure(format!("{produced} of them in the broken stream"));
    }
    findings.equal("held after Envoy was killed", spent.held.unwrap_or(0), 0);
    Ok(())
}

/// The gateway itself dies: nothing is charged, the hold expires.
async fn gateway(stage: &mut Stage, findings: &mut Findings) -> Result<()> {
    let victim = stage.peer.replicas() - 1;
    let user = stage.user(UserSpec::new("gateway-killed", LIMIT)).await?;
    stage.clear();
    let events = stream(stage, victim, &user).await?;
    let live = stage.peer.spent(victim, &user).await?;
    findings.require(
        live.held.is_none_or(|held| held >= 200),
        format!("in mid-stream only {:?} tokens are held", live.held),
    );
    stage.peer.kill(victim).await?;
    let killed = Instant::now();
    drop(events);
    if stage.idle().await.is_err() {
        findings.require(false, "the provider still works for the killed process");
        stage.forsake().await?;
    }
    let produced = stage.produced();
    if !stage.is_shared() {
        stage.peer.restart(victim).await?;
        let spent = stage.settled_at(victim, &user, 0).await?;
        findings.require(
            spent.charged == 0 && spent.held.unwrap_or(0) == 0,
            format!("after a restart {spent:?}"),
        );
        findings.measure("gateway killed: its ledger in memory went with it");
        return Ok(());
    }
    let lifetime = stage.peer.hold_lifetime();
    let survivor = 0;
    let freed = eventually_within(lifetime + SLACK, "the hold expired", async || {
        let spent = stage.peer.spent(survivor, &user).await.ok()?;
        let is_free = spent.held.unwrap_or(spent.charged) == 0;
        is_free.then_some(spent)
    })
    .await;
    let took = killed.elapsed();
    match freed {
        Ok(spent) => {
            findings.within("gateway killed: hold freed after", took, lifetime + SLACK);
            findings.equal("phantom spend", spent.charged, 0);
        }
        Err(_) => {
            let spent = stage.peer.spent(survivor, &user).await?;
            findings.require(
                false,
                format!("{took:?} after the kill {spent:?} stands there"),
            );
        }
    }
    findings.measure(format!("its {produced} tokens are not charged, by rule"));
    // The whole limit can be spent again.
    let told = say_anyway(
        &stage.client(survivor, &user),
        &ask(&user.model, 1, LIMIT - 500),
    )
    .await;
    findings.require(told == Some(200), format!("the freed limit gives {told:?}"));
    stage.peer.restart(victim).await?;
    eventually("the killed gateway serves again", async || {
        let status = say_anyway(&stage.client(victim, &user), &ask(&user.model, 1, 1)).await;
        (status == Some(200)).then_some(())
    })
    .await
}
