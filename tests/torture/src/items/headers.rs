//! Item 19: what the caller is told is left.

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{ask, directed, say, streamed},
};

const LIMIT: u64 = 100_000;
const WANTED: u64 = 10_000;
/// Names in use: Tollgate's, then LiteLLM's.
const REMAINING: [&str; 2] = [
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-api_key-remaining-tokens",
];
const LIMITS: [&str; 2] = [
    "x-ratelimit-limit-tokens",
    "x-ratelimit-api_key-limit-tokens",
];

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let user = stage.user(UserSpec::new("told", LIMIT)).await?;
        let client = stage.client(0, &user);
        // LiteLLM passes the provider's own header on under the common name.
        let own = usize::from(stage.tollgate().is_none());
        let (remaining_name, limit_name) = (REMAINING[own], LIMITS[own]);
        stage.clear();
        let body = ask(&user.model, 3, WANTED);
        let first = say(&client, &body).await?;
        findings.equal("limit told", first.number(limit_name).unwrap_or(0), LIMIT);
        let remaining = first.number(remaining_name).unwrap_or(0);
        findings.require(
            remaining > 0 && remaining <= LIMIT - WANTED,
            format!("remaining {remaining} does not show the hold of more than {WANTED}"),
        );
        stage.idle().await?;
        stage.settled(&user, stage.produced()).await?;
        let second = say(&client, &body).await?;
        let then = second.number(remaining_name).unwrap_or(0);
        findings.equal(
            "remaining after settling",
            then,
            remaining.saturating_sub(first.tokens()),
        );

        // While a stream is in flight its hold is on the account.
        stage.idle().await?;
        let settled = stage.produced();
        stage.settled(&user, settled).await?;
        let body = streamed(directed(
            &user.model,
            "output=3 fault=late_usage:60000",
            WANTED,
        ));
        let mut events = client.stream(&body).await?;
        let told: Option<u64> = events
            .header(remaining_name)
            .and_then(|value| value.parse().ok());
        events.contents(3).await?;
        let live = stage.peer.spent(0, &user).await?;
        let taken = live.charged + live.held.unwrap_or(0);
        findings.require(
            told.is_some_and(|told| told + taken == LIMIT),
            format!("a stream is told {told:?} while {taken} of {LIMIT} are taken"),
        );
        findings.require(
            taken >= settled + WANTED,
            format!("{taken} in mid-stream does not hold {WANTED}"),
        );
        drop(events);
        findings.measure(format!(
            "remaining {remaining}, then {then}; in mid-stream {told:?} with {taken} taken"
        ));
        if own == 0 {
            findings.require(
                first.header("x-ratelimit-reset-tokens").ends_with('s'),
                "x-ratelimit-reset-tokens is missing",
            );
        }
        Ok(findings)
    })
}
