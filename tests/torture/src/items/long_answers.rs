//! Item 10: callers that say nothing, or far too much, about the length of the answer.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{directed, say},
};

/// Makes a chat one of the kind.
type Shape = fn(&mut Value);

const LIMIT: u64 = 12_000;

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let shapes: [(&str, Shape); 4] = [
            ("no-max-tokens", |body| {
                if let Some(fields) = body.as_object_mut() {
                    fields.remove("max_tokens");
                }
            }),
            ("max-128k", |body| body["max_tokens"] = 131_072.into()),
            ("n-8", |body| {
                body["n"] = 8.into();
                body["max_tokens"] = 131_072.into();
            }),
            ("effort-high", |body| {
                body["reasoning_effort"] = "high".into();
                body["max_completion_tokens"] = 100_000.into();
                if let Some(fields) = body.as_object_mut() {
                    fields.remove("max_tokens");
                }
            }),
        ];
        for (name, shape) in shapes {
            exhaust(stage, &mut findings, name, shape).await?;
        }
        Ok(findings)
    })
}

/// Calls until the first refusal: all of it within the limit, and at least one call served.
async fn exhaust(
    stage: &mut Stage,
    findings: &mut Findings,
    name: &str,
    shape: Shape,
) -> Result<()> {
    let user = stage.user(UserSpec::new(name, LIMIT)).await?;
    let client = stage.client(0, &user);
    stage.clear();
    // What an agent's turn really takes is far less than what it allows.
    let mut body = directed(&user.model, "output=300 reasoning=100", 1);
    shape(&mut body);
    let mut served = 0;
    let mut refused = 0;
    for _ in 0..60 {
        match say(&client, &body).await?.status {
            200 => served += 1,
            429 => {
                refused += 1;
                break;
            }
            // A store or provider that was too slow for a machine under load is asked again.
            503 => tokio::time::sleep(Duration::from_millis(300)).await,
            status => {
                findings.require(false, format!("{name}: {status}"));
                break;
            }
        }
    }
    stage.idle().await?;
    let produced = stage.produced();
    findings.no_overrun(&format!("{name} ({served} served)"), produced, LIMIT);
    findings.require(refused == 1, format!("{name}: never refused"));
    findings.require(
        produced >= LIMIT / 2,
        format!("{name}: starved after {produced} of {LIMIT} tokens"),
    );
    let spent = stage.settled(&user, produced).await?;
    findings.require(
        spent.charged == produced,
        format!("{name}: {} charged for {produced}", spent.charged),
    );
    Ok(())
}
