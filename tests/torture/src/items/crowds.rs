//! Items 1, 2 and 3: more calls at one moment than the limit pays for.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tollgate_harness::Client;
use tollgate_provider::Fault;

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{ask, say},
    crowd::{Crowd, at_once},
};

const CALLS: usize = 500;
/// Output tokens of each call, exactly.
const OUTPUT: u64 = 512;
/// All calls are there before the first is settled.
const TOGETHER: Fault = Fault::DelayHead { ms: 300 };

pub(super) fn one_process(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move { crowd(stage, "crowd", CALLS, 10, 1).await })
}

pub(super) fn all_processes(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let replicas = stage.peer.replicas();
        if replicas < 2 {
            return Ok(Findings::not_applicable("one process"));
        }
        crowd(stage, "spread-crowd", CALLS, 10, replicas).await
    })
}

pub(super) fn first_calls(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move { crowd(stage, "newcomer", 8, 2, 1).await })
}

/// `calls` at once over so many processes, on a limit that pays for `paid` of them.
async fn crowd(
    stage: &mut Stage,
    name: &str,
    calls: usize,
    paid: u64,
    replicas: usize,
) -> Result<Findings> {
    let mut findings = Findings::new();
    // Where the limit is given, so is what a call may cost.
    let (output, limit) = match stage.peer.only_limit() {
        Some(limit) => ((limit / paid).saturating_sub(50).max(16), limit),
        None => (OUTPUT, paid * stage.cost(name, OUTPUT).await?),
    };
    let user = stage.user(UserSpec::new(name, limit)).await?;
    let clients: Vec<_> = (0..replicas)
        .map(|replica| stage.client(replica, &user))
        .collect();
    stage.clear();
    stage.always(TOGETHER);
    let crowd = at_once(&clients, calls, &ask(&user.model, output, output)).await?;
    stage.idle().await?;
    stage.provider.faults().clear();
    for client in &clients {
        spend_the_rest(client, &ask(&user.model, output, output)).await?;
    }
    let produced = stage.produced();

    // Without a shared store each process has a pot of its own, and the bound is their sum.
    let pots = if stage.is_shared() {
        1
    } else {
        replicas as u64
    };
    let bound = limit * pots;
    if pots > 1 {
        findings.measure(format!(
            "{pots} ledgers in memory: the bound is {pots} × {limit}"
        ));
    }
    findings.measure(crowd.text());
    findings.no_overrun("provider's tally", produced, bound);
    served_or_refused(&mut findings, &crowd, calls);
    findings.require(
        produced >= bound * 6 / 10,
        format!("only {produced} of {bound} tokens could be spent"),
    );
    if let Some(tollgate) = stage.tollgate() {
        let overrun = tollgate.metric("tollgate_budget_overrun").await?;
        findings.measure(format!("overrun metric {overrun}"));
        findings.equal("overrun metric", overrun, 0.0);
    }
    if stage.peer.only_limit().is_none() {
        if pots == 1 {
            let spent = stage.settled(&user, produced).await?;
            findings.no_drift("ledger", spent.charged, produced);
        } else {
            let mut charged = 0;
            for replica in 0..replicas {
                charged += stage.peer.spent(replica, &user).await?.charged;
            }
            findings.no_drift("all ledgers", charged, produced);
        }
    }
    Ok(findings)
}

/// Calls one after the other until the budget refuses: what the crowd left can still be spent.
async fn spend_the_rest(client: &Client, body: &Value) -> Result<()> {
    for _ in 0..50 {
        match say(client, body).await?.status {
            429 => return Ok(()),
            // The store was too slow for a machine under load; it is asked again.
            503 => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => {}
        }
    }
    Ok(())
}

/// Every call is served or refused; nothing else. A refusal because the store took too long (503)
/// is one, where the whole machine is busy with 500 calls.
fn served_or_refused(findings: &mut Findings, crowd: &Crowd, calls: usize) {
    let known = crowd.count(200) + crowd.count(429) + crowd.count(503);
    findings.require(
        known == calls,
        format!(
            "calls ended otherwise than with 200, 429 or 503: {}",
            crowd.text()
        ),
    );
}
