//! Item 8: what the ledger is told arrives twice, late, in the wrong order, or before its question
//! was answered.

use std::time::Duration;

use anyhow::{Context, Result};
use tollgate_harness::Harm;

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{ask, directed, say_anyway, streamed},
    peer::{OnFailure, tollgate::own_budget},
};

const LIMIT: u64 = 100_000;

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        if stage.tollgate().is_none() {
            return Ok(Findings::not_applicable(
                "repeats the commands of Tollgate's own ledger",
            ));
        }
        let mut findings = Findings::new();
        if stage.is_shared() {
            repeated(stage, &mut findings).await?;
            before_the_answer(stage, &mut findings).await?;
        } else {
            findings.measure("in memory nothing is delivered twice");
        }
        after_its_window(stage, &mut findings).await?;
        Ok(findings)
    })
}

/// Every command of the ledger again: backwards, in order, and every third.
async fn repeated(stage: &mut Stage, findings: &mut Findings) -> Result<()> {
    let user = stage.user(UserSpec::new("delivered", LIMIT)).await?;
    let client = stage.client(0, &user);
    stage.clear();
    stage.store.as_ref().context("a store")?.proxy.record();
    for call in 0..6_u64 {
        let body = ask(&user.model, 5 + call, 64);
        let body = if call % 2 == 0 { body } else { streamed(body) };
        say_anyway(&client, &body).await;
    }
    stage.idle().await?;
    let produced = stage.produced();
    let settled = stage.settled(&user, produced).await?;
    findings.no_drift("delivered once", settled.charged, produced);
    let store = stage.store.as_ref().context("a store")?;
    let mut commands = store.proxy.recorded();
    commands.retain(|command| {
        command
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"EVAL"))
    });
    findings.require(!commands.is_empty(), "no command of the ledger was seen");
    let in_order = commands.clone();
    commands.reverse();
    let thirds: Vec<_> = in_order.iter().step_by(3).cloned().collect();
    let mut count = 0;
    for commands in [&commands, &in_order, &thirds] {
        count += store.proxy.replay(commands).await?;
    }
    let again = stage.settled(&user, produced).await?;
    findings.no_drift(
        &format!("{count} commands repeated"),
        again.charged,
        produced,
    );
    findings.equal("held afterwards", again.held.unwrap_or(0), 0);
    Ok(())
}

/// The store answers later than the gateway waits: the call is served and settled meanwhile.
async fn before_the_answer(stage: &mut Stage, findings: &mut Findings) -> Result<()> {
    let spec = UserSpec::new("delivered-early", LIMIT).on_failure(OnFailure::Open);
    let user = stage.user(spec).await?;
    let client = stage.client(0, &user);
    stage.clear();
    let store = stage.store.as_ref().context("a store")?;
    store.proxy.set(Harm::Latency(Duration::from_millis(150)));
    for _ in 0..4 {
        let status = say_anyway(&client, &ask(&user.model, 5, 64)).await;
        findings.require(status == Some(200), format!("a late store: {status:?}"));
    }
    stage.store.as_ref().context("a store")?.proxy.heal();
    stage.idle().await?;
    let produced = stage.produced();
    let patience = stage.peer.hold_lifetime() + Duration::from_secs(3);
    let spent = stage.settled_within(0, &user, produced, patience).await?;
    findings.no_drift("settled before the answer", spent.charged, produced);
    findings.equal("held by late holds", spent.held.unwrap_or(0), 0);
    Ok(())
}

/// The charge goes to the window in which the call was admitted, and to no later one.
async fn after_its_window(stage: &mut Stage, findings: &mut Findings) -> Result<()> {
    let user = stage.user(UserSpec::new("delivered-late", LIMIT)).await?;
    let budget = own_budget(&user.name);
    let tollgate = stage.tollgate().context("Tollgate")?;
    let from = format!("[{{tokens: {LIMIT}, window: Month}}]");
    let second = LIMIT - 1;
    let to =
        format!("[{{tokens: {second}, window: Second}}, {{tokens: {LIMIT}, window: Lifetime}}]");
    tollgate.edit("delivered-late.yaml", &from, &to)?;
    let client = stage.client(0, &user);
    let accounts = async || -> Result<(u64, u64)> {
        let accounts = client.usage().await?;
        let used = |limit| {
            let mut of = accounts
                .iter()
                .filter(|account| account.budget.ends_with(&budget) && account.limit == limit);
            of.next().map(|account| account.used + account.held)
        };
        Ok((
            used(second).context("seconds")?,
            used(LIMIT).context("lifetime")?,
        ))
    };
    tollgate_harness::eventually("the limits are edited", async || accounts().await.ok()).await?;
    stage.clear();
    let body = streamed(directed(&user.model, "output=4 chunk_delay_ms=600", 64));
    let status = say_anyway(&client, &body).await;
    findings.require(status == Some(200), format!("a long stream: {status:?}"));
    stage.idle().await?;
    let produced = stage.produced();
    let (in_second, in_all) = tollgate_harness::eventually("it is settled", async || {
        accounts().await.ok().filter(|(_, all)| *all == produced)
    })
    .await
    .unwrap_or(accounts().await?);
    findings.no_drift("settled after its window", in_all, produced);
    findings.equal("charged to a later window", in_second, 0);
    Ok(())
}
