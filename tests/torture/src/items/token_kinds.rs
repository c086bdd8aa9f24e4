//! Item 11: tokens that some providers count inside the input or output and some beside it.

use serde_json::{Value, json};

use crate::{
    Findings, Stage, UserSpec, Wait,
    call::{directed, say_anyway, streamed},
    peer::Providers,
};

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        for (name, providers) in [
            ("kinds-openai", Providers::First),
            ("kinds-anthropic", Providers::Second),
        ] {
            let user = stage
                .user(UserSpec::new(name, 10_000_000).providers(providers))
                .await?;
            let client = stage.client(0, &user);
            let mut charged_before = stage.peer.spent(0, &user).await?.charged;
            for (kind, body) in bodies(&user.model, providers) {
                for (form, body) in [("whole", body.clone()), ("streamed", streamed(body))] {
                    stage.clear();
                    let status = say_anyway(&client, &body).await;
                    stage.idle().await?;
                    let produced = stage.produced();
                    findings.require(
                        status == Some(200) && produced > 0,
                        format!("{name}, {kind}, {form}: answered {status:?}"),
                    );
                    let spent = stage.settled(&user, charged_before + produced).await?;
                    let charged = spent.charged.saturating_sub(charged_before);
                    findings.require(
                        charged == produced,
                        format!("{name}, {kind}, {form}: {charged} charged for {produced}"),
                    );
                    charged_before = spent.charged;
                }
            }
        }
        findings
            .measure("cached, cache-write, reasoning, audio; whole and streamed; both conventions");
        Ok(findings)
    })
}

fn bodies(model: &str, providers: Providers) -> Vec<(&'static str, Value)> {
    let mut bodies = vec![
        ("cached", directed(model, "output=12 cached=9", 200)),
        (
            "cache-write",
            directed(model, "output=12 cached=5 cache_write=4", 200),
        ),
    ];
    let mut thinking = directed(model, "output=12 reasoning=30", 4000);
    thinking["reasoning_effort"] = "low".into();
    bodies.push(("reasoning", thinking));
    if providers == Providers::First {
        let mut audio = directed(model, "output=12", 200);
        // An eighth of a second of silence.
        let data = "A".repeat(4096);
        audio["messages"][1]["content"] = json!([
            {"type": "text", "text": "What is said? [[sim output=12]]"},
            {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        ]);
        bodies.push(("audio", audio));
    }
    bodies
}
