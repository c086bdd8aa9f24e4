//! Item 18: limits that are met exactly, are nothing, or do not fit 32 bits.

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{ask, say},
};

/// More than 2^32.
const LARGE: u64 = 5_000_000_000;
const LARGE_OUTPUT: u64 = 4_500_000_000;

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let user = stage.user(UserSpec::new("exact", 100_000)).await?;
        let client = stage.client(0, &user);
        stage.clear();
        let told = say(&client, &ask(&user.model, 64, 64)).await?;
        findings.equal("first call", told.status, 200);
        stage.peer.set_limit(&user, told.tokens()).await?;
        let denied = say(&client, &ask(&user.model, 1, 1)).await?;
        findings.equal("used = limit, one token more", denied.status, 429);

        let user = stage.user(UserSpec::new("nothing", 0)).await?;
        stage.clear();
        let denied = say(&stage.client(0, &user), &ask(&user.model, 1, 1)).await?;
        findings.equal("limit 0, first call", denied.status, 429);
        findings.require(stage.tally().begun == 0, "limit 0: the provider was called");

        let user = stage.user(UserSpec::new("large", LARGE)).await?;
        stage.clear();
        let told = say(&stage.client(0, &user), &ask(&user.model, 10, LARGE_OUTPUT)).await?;
        findings.equal("limit beyond 2^32", told.status, 200);
        stage.idle().await?;
        let produced = stage.produced();
        let spent = stage.settled(&user, produced).await?;
        findings.no_drift("limit 5 000 000 000", spent.charged, produced);
        Ok(findings)
    })
}
