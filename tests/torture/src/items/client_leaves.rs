//! Item 4: the client closes the connection, at four moments.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_harness::{eventually, eventually_within};

use crate::{
    Findings, Stage, User, UserSpec, Wait,
    call::{directed, streamed},
};

/// A hold must be gone this soon after its client.
const FREED_WITHIN: Duration = Duration::from_secs(1);
/// A provider must be told this soon.
const ENDS_WITHIN: Duration = Duration::from_secs(3);
/// Reading an account takes time of its own.
const READING: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    BeforeAByte,
    AfterChunk3,
    BeforeUsage,
    AfterUsage,
}

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        for (moment, name) in [
            (Moment::BeforeAByte, "leaves-0"),
            (Moment::AfterChunk3, "leaves-3"),
            (Moment::BeforeUsage, "leaves-last"),
            (Moment::AfterUsage, "leaves-usage"),
        ] {
            let user = stage.user(UserSpec::new(name, 1_000_000)).await?;
            stage.clear();
            let left = leave(stage, &user, moment).await?;
            let ended = eventually_within(ENDS_WITHIN, "the provider's call ends", async || {
                let tally = stage.tally();
                (tally.cancelled + tally.answered + tally.broken > 0).then_some(())
            })
            .await;
            if ended.is_err() {
                findings.require(
                    false,
                    format!("{moment:?}: {ENDS_WITHIN:?} later the provider still works"),
                );
                stage.forsake().await?;
            }
            let produced = stage.tally();
            // Nothing was produced before the first byte; the prompt was read all the same.
            let expected = produced.tokens() + produced.unanswered_input;
            let spent = stage.settled(&user, expected).await?;
            let took = left.elapsed();
            findings.no_drift(&format!("{moment:?}"), spent.charged, expected);
            findings.within("freed in", took, FREED_WITHIN + READING);
            findings.require(
                spent.held.unwrap_or_default() == 0,
                format!("{moment:?}: {:?} tokens are still held", spent.held),
            );
        }
        Ok(findings)
    })
}

/// Calls, waits for the moment, closes; gives the time of that.
async fn leave(stage: &Stage, user: &User, moment: Moment) -> Result<Instant> {
    let client = stage.client(0, user);
    let directives = match moment {
        Moment::BeforeAByte => "fault=hang",
        Moment::AfterChunk3 => "output=12 chunk_delay_ms=500",
        Moment::BeforeUsage => "output=12 fault=late_usage:60000",
        Moment::AfterUsage => "output=12",
    };
    let body = streamed(directed(&user.model, directives, 200));
    if moment == Moment::BeforeAByte {
        let call = tokio::spawn(async move { client.chat(&body).await.map(drop) });
        eventually("the provider has the request", async || {
            (stage.provider.tally().in_flight() == 1).then_some(())
        })
        .await?;
        call.abort();
        let _ = call.await;
        return Ok(Instant::now());
    }
    let mut body = body;
    if moment == Moment::AfterUsage {
        body["stream_options"] = json!({"include_usage": true});
    }
    let mut events = client.stream(&body).await?;
    match moment {
        Moment::AfterChunk3 => {
            events.contents(3).await?;
        }
        Moment::BeforeUsage => {
            events.contents(12).await?;
        }
        Moment::BeforeAByte | Moment::AfterUsage => loop {
            let data = events.next().await?.context("the stream has no usage")?;
            let chunk: Value = serde_json::from_str(&data).unwrap_or_default();
            if chunk["usage"].is_object() {
                break;
            }
        },
    }
    drop(events);
    Ok(Instant::now())
}
