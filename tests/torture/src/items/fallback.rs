//! Item 9: one provider fails, another answers.

use std::time::Duration;

use tollgate_harness::eventually_within;
use tollgate_provider::{Fault, FaultMatch, FaultRule};

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{directed, say, say_anyway, streamed},
    peer::Providers,
};

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        before_the_first_byte(stage, &mut findings).await?;
        within_the_answer(stage, &mut findings).await?;
        Ok(findings)
    })
}

/// The second's tokens alone.
async fn before_the_first_byte(stage: &mut Stage, findings: &mut Findings) -> anyhow::Result<()> {
    let spec = UserSpec::new("falls-back", 1_000_000).providers(Providers::FirstThenSecond);
    let user = stage.user(spec).await?;
    for (fault, stream) in [
        (
            Fault::Status {
                status: 503,
                retry_after_s: None,
            },
            false,
        ),
        (Fault::ResetBeforeHead, true),
    ] {
        stage.clear();
        stage.always(fault.clone());
        let before = stage.peer.spent(0, &user).await?.charged;
        let body = directed(&user.model, "output=40", 200);
        let body = if stream { streamed(body) } else { body };
        let status = say_anyway(&stage.client(0, &user), &body).await;
        stage.idle().await?;
        let (first, second) = (
            stage.tally().tokens(),
            stage.second.tally().total().tokens(),
        );
        findings.require(
            status == Some(200) && first == 0 && second > 0,
            format!("{fault:?}: answered {status:?}, tokens {first} and {second}"),
        );
        let spent = stage.settled(&user, before + second).await?;
        findings.no_drift(
            "failed before the first byte",
            spent.charged - before,
            second,
        );
    }
    Ok(())
}

/// The first's 500 tokens, then, for the client's next call, the second's.
async fn within_the_answer(stage: &mut Stage, findings: &mut Findings) -> anyhow::Result<()> {
    let spec = UserSpec::new("breaks-off", 1_000_000).providers(Providers::FirstThenSecond);
    let user = stage.user(spec).await?;
    stage.clear();
    let once = FaultRule {
        matches: FaultMatch {
            nth: Some(1),
            ..FaultMatch::default()
        },
        fault: Fault::StreamError { after_chunks: 500 },
    };
    let then = FaultRule {
        matches: FaultMatch::default(),
        fault: Fault::Status {
            status: 503,
            retry_after_s: None,
        },
    };
    stage.provider.faults().set(vec![once]);
    let client = stage.client(0, &user);
    let body = streamed(directed(&user.model, "output=600", 1000));
    say_anyway(&client, &body).await;
    stage.idle().await?;
    let first = stage.tally().tokens();
    stage.provider.faults().set(vec![then]);
    let told = eventually_within(Duration::from_secs(5), "the second answers", async || {
        let told = say(&client, &directed(&user.model, "output=40", 200))
            .await
            .ok()?;
        (told.status == 200).then_some(told)
    })
    .await;
    stage.idle().await?;
    let second = stage.second.tally().total().tokens();
    findings.require(
        told.is_ok() && first > 500 && second > 0,
        format!("failed within the answer: tokens {first} and {second}"),
    );
    let spent = stage.settled(&user, first + second).await?;
    findings.no_drift("failed after 500 tokens", spent.charged, first + second);
    Ok(())
}
