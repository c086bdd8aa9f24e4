//! Item 7 where the ledger is in memory. No network stands between, so nothing may ever be
//! answered by a failure mode; and the store dies with its process and comes back empty.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tollgate_harness::eventually_within;

use super::{LEASE, Users, body, provider_key, spends_exactly};
use crate::{
    Findings, Stage, User, UserSpec,
    call::{ask, say},
    peer::OnFailure,
};

/// Until a process that died serves again.
const SERVES_AGAIN_WITHIN: Duration = Duration::from_secs(30);
/// More than a lease of [`LEASE`] tokens could pay for, so that a lease would show.
const CALLS_MIN: u64 = LEASE / 16;

pub(super) async fn run(stage: &mut Stage) -> Result<Findings> {
    let mut findings = Findings::new();
    let users = Users::make(stage).await?;
    stage.clear();
    let calls = never_fails(stage, &users, &mut findings).await?;
    findings.measure(format!("{calls} calls, none answered by a failure mode"));
    for (_, user) in &users.0 {
        is_exact(stage, user, &mut findings).await?;
    }
    used_up(stage, &mut findings).await?;
    emptied(stage, users.closed()?, &mut findings).await?;
    Ok(findings)
}

/// Calls of every mode for as long as Redis is stopped in the other form of this item.
async fn never_fails(stage: &Stage, users: &Users, findings: &mut Findings) -> Result<u64> {
    let load = stage.of(Duration::from_secs(2), Duration::from_secs(10));
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < load || rounds < CALLS_MIN {
        for (mode, user) in &users.0 {
            let told = say(&stage.client(0, user), &body(user)).await?;
            findings.require(
                told.status == 200,
                format!("{mode:?}: answered {} {}", told.status, told.message()),
            );
        }
        rounds += 1;
    }
    Ok(rounds * users.0.len() as u64)
}

async fn is_exact(stage: &mut Stage, user: &User, findings: &mut Findings) -> Result<()> {
    stage.idle().await?;
    let key = provider_key(stage, user);
    let produced = stage.provider.tally().of_key(&key).tokens();
    let spent = stage.settled(user, produced).await?;
    findings.no_drift(&user.name, spent.charged, produced);
    findings.equal("held", spent.held.unwrap_or(0), 0);
    Ok(())
}

/// `Open` is no way past a limit that the store knows of.
async fn used_up(stage: &mut Stage, findings: &mut Findings) -> Result<()> {
    for (name, mode) in [
        ("spent-open", OnFailure::Open),
        ("spent-leased", OnFailure::Leased(LEASE)),
    ] {
        let user = stage.user(UserSpec::new(name, 1).on_failure(mode)).await?;
        let told = say(&stage.client(0, &user), &ask(&user.model, 16, 16)).await?;
        findings.equal(
            &format!("{mode:?} with nothing left: status"),
            u64::from(told.status),
            429,
        );
    }
    Ok(())
}

/// The process dies: its ledger begins anew, and counts as before.
async fn emptied(stage: &mut Stage, user: &User, findings: &mut Findings) -> Result<()> {
    stage.peer.kill(0).await?;
    stage.peer.restart(0).await?;
    eventually_within(SERVES_AGAIN_WITHIN, "it serves again", async || {
        stage.peer.spent(0, user).await.ok()
    })
    .await?;
    stage.idle().await?;
    let spent = stage.peer.spent(0, user).await.context("a new ledger")?;
    findings.equal("charged in a new process", spent.charged, 0);
    spends_exactly(stage, user, "after a restart", findings).await
}
