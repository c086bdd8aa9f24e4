//! Item 14: limits that several keys share.

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{ask, say},
};

const TEAM_LIMIT: u64 = 400;
const OWN_LIMIT: u64 = 100_000;

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let spec = |name: &str| UserSpec::new(name, OWN_LIMIT).team("rowers", TEAM_LIMIT);
        let first = stage.user(spec("rower-one")).await?;
        let second = stage.user(spec("rower-two")).await?;
        let (one, two) = (stage.client(0, &first), stage.client(0, &second));
        stage.clear();
        // Both keys, in turn, until the team has nothing left.
        let mut served = [0_u64; 2];
        for call in 0..40 {
            let (client, user) = if call % 2 == 0 {
                (&one, &first)
            } else {
                (&two, &second)
            };
            let told = say(client, &ask(&user.model, 64, 64)).await?;
            if told.status != 200 {
                break;
            }
            served[call % 2] += told.tokens();
        }
        stage.idle().await?;
        let produced = stage.produced();
        findings.no_overrun("two keys of one team", produced, TEAM_LIMIT);
        findings.require(
            served.iter().all(|tokens| *tokens > 0),
            format!("one key was never served: {served:?}"),
        );
        for ((client, user), charged) in [(&one, &first), (&two, &second)].into_iter().zip(served) {
            let denied = say(client, &ask(&user.model, 300, 300)).await?;
            findings.equal("call of a key whose team has no room", denied.status, 429);
            let text = denied.body.to_string();
            findings.require(
                text.contains("team"),
                format!("the refusal does not name the team: {text}"),
            );
            let spent = stage.settled(user, charged).await?;
            findings.no_drift(
                &format!("{} after refusals", user.name),
                spent.charged,
                charged,
            );
        }
        findings.require(
            stage.produced() == produced,
            "a refused call reached the provider",
        );
        Ok(findings)
    })
}
