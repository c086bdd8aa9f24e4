//! Item 5: what providers say of their usage.

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{directed, say_anyway, streamed},
};

const FAULTS: [&str; 5] = [
    "no_usage",
    "zero_usage",
    "usage_twice",
    "cumulative_usage",
    "late_usage:200",
];

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let mut produced_all = 0;
        for fault in FAULTS {
            let name = format!("usage-{}", fault.replace(['_', ':'], "-"));
            let user = stage.user(UserSpec::new(&name, 1_000_000)).await?;
            let client = stage.client(0, &user);
            stage.clear();
            let body = directed(&user.model, &format!("output=37 fault={fault}"), 200);
            for body in [body.clone(), streamed(body)] {
                let status = say_anyway(&client, &body).await;
                findings.require(status == Some(200), format!("{fault}: {status:?}"));
            }
            stage.idle().await?;
            let produced = stage.produced();
            produced_all += produced;
            let spent = stage.settled(&user, produced).await?;
            findings.require(
                spent.charged == produced,
                format!("{fault}: {} charged for {produced}", spent.charged),
            );
        }
        findings.measure(format!(
            "5 kinds, whole and streamed: {produced_all} tokens produced"
        ));
        Ok(findings)
    })
}
