//! Item 16: what a client says of itself changes nothing about who pays.

use anyhow::{Context, Result};

use crate::{Findings, Stage, User, UserSpec, Wait, call::ask};

/// Headers by which gateways are told who calls.
const HEADERS: [&str; 12] = [
    "x-user-id",
    "x-user",
    "x-tollgate-user",
    "x-tollgate-consumer",
    "x-tollgate-subject",
    "x-tollgate-client-id",
    "x-team-id",
    "x-org-id",
    "x-consumer-id",
    "x-litellm-end-user-id",
    "x-forwarded-user",
    "x-jwt-claim-sub",
];

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let victim = stage.user(UserSpec::new("victim", 100_000)).await?;
        let mallory = stage.user(UserSpec::new("mallory", 100_000)).await?;
        stage.clear();
        let spoofed = call_as(stage, &mallory, &victim).await?;
        findings.equal("call with spoofed headers", spoofed, 200);
        stage.idle().await?;
        let produced = stage.produced();
        let paid = stage.settled(&mallory, produced).await?.charged;
        let blamed = stage.peer.spent(0, &victim).await?.charged;
        findings.no_drift("the caller", paid, produced);
        findings.no_drift("the one it claims to be", blamed, 0);
        if stage.tollgate().is_some() {
            let seen = stage.provider.recorder().last();
            let passed_on: Vec<_> = seen
                .iter()
                .flat_map(|seen| &seen.headers)
                .filter(|(name, value)| name.starts_with("x-tollgate-") && *value == victim.name)
                .map(|(name, _)| name.clone())
                .collect();
            findings.require(
                passed_on.is_empty(),
                format!("the client's own {passed_on:?} reached the provider"),
            );
        }
        Ok(findings)
    })
}

async fn call_as(stage: &Stage, caller: &User, claimed: &User) -> Result<u16> {
    let mut body = ask(&caller.model, 24, 64);
    body["user"] = claimed.name.clone().into();
    let mut request = reqwest::Client::new()
        .post(format!("{}/v1/chat/completions", stage.peer.url(0)))
        .bearer_auth(&caller.key)
        .header("content-type", "application/json")
        .body(body.to_string());
    for name in HEADERS {
        request = request.header(name, &claimed.name);
    }
    let answer = request.send().await.context("call")?;
    let status = answer.status().as_u16();
    let _ = answer.bytes().await;
    Ok(status)
}
