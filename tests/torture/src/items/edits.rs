//! Item 13: the limit is edited while it is in use; the budget is deleted and made again.

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{ask, say},
    peer::tollgate::own_budget,
};

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let user = stage.user(UserSpec::new("edited", 10_000)).await?;
        let client = stage.client(0, &user);
        stage.clear();
        let body = ask(&user.model, 64, 64);
        let first = say(&client, &body).await?;
        findings.equal("first call", first.status, 200);
        let used = first.tokens();
        stage.settled(&user, used).await?;

        // To exactly what is used: nothing is left.
        stage.peer.set_limit(&user, used).await?;
        let denied = say(&client, &body).await?;
        findings.equal(
            "call after the limit was lowered to what is used",
            denied.status,
            429,
        );
        stage.peer.set_limit(&user, used + 5000).await?;
        let second = say(&client, &body).await?;
        findings.equal("call after the limit was raised", second.status, 200);
        stage.idle().await?;
        let produced = stage.produced();
        let spent = stage.settled(&user, produced).await?;
        findings.no_drift("usage over two edits", spent.charged, produced);

        if let Some(tollgate) = stage.tollgate() {
            let file = "edited.yaml";
            let yaml = tollgate.file(file)?;
            let budget = own_budget(&user.name);
            tollgate.remove(file)?;
            tollgate.limit_is(&user.key, &budget, None).await?;
            tollgate.write(file, &yaml)?;
            tollgate
                .limit_is(&user.key, &budget, Some(used + 5000))
                .await?;
            let spent = stage.peer.spent(0, &user).await?;
            findings.no_drift(
                "usage after deleting and making it again",
                spent.charged,
                produced,
            );
        }
        Ok(findings)
    })
}
