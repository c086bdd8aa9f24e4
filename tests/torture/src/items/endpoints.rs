//! Item 15: whatever path is called, either it is metered or it is refused.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Findings, Stage, User, UserSpec, Wait, call::ask};

pub(super) fn run(stage: &mut Stage) -> Wait<'_, Findings> {
    Box::pin(async move {
        let mut findings = Findings::new();
        let user = stage.user(UserSpec::new("endpoints", 1_000_000)).await?;
        let client = stage.client(0, &user);
        let mut answers = Vec::new();
        for (path, body) in bodies(&user.model) {
            let before = charged(stage, &user).await;
            stage.clear();
            let answer = client.post(path, body.to_string()).await?;
            let status = answer.status().as_u16();
            let _ = answer.bytes().await;
            stage.idle().await?;
            answers.push(format!("{path} {status}"));
            let reached = stage.tally().begun;
            if reached == 0 {
                let refused = (400..=599).contains(&status);
                findings.require(refused, format!("{path}: {status} without a provider"));
            } else if let Some(before) = before {
                let produced = stage.produced();
                let spent = stage.settled(&user, before + produced).await?;
                findings.no_drift(path, spent.charged - before, produced);
            } else {
                findings.measure(format!(
                    "{path} reached the provider; its ledger is not readable"
                ));
            }
        }
        for path in ["/v1/realtime?model=gpt-4", "/v1/chat/completions"] {
            stage.clear();
            let status = upgrade(&stage.peer.url(0), path, &user.key).await?;
            findings.require(
                stage.tally().tokens() == 0,
                format!("websocket at {path}: {status}, and the provider was used"),
            );
            answers.push(format!("websocket {path} {status}"));
        }
        findings.measure(answers.join(", "));
        Ok(findings)
    })
}

async fn charged(stage: &Stage, user: &User) -> Option<u64> {
    stage
        .peer
        .spent(0, user)
        .await
        .ok()
        .map(|spent| spent.charged)
}

fn bodies(model: &str) -> Vec<(&'static str, Value)> {
    let chat = ask(model, 12, 64);
    let mut messages = chat.clone();
    messages["messages"] = json!([{"role": "user", "content": "hello"}]);
    vec![
        ("/v1/chat/completions", chat.clone()),
        (
            "/v1/completions",
            json!({"model": model, "prompt": "hello", "max_tokens": 16}),
        ),
        ("/v1/responses", json!({"model": model, "input": "hello"})),
        ("/v1/messages", messages),
        ("/v1/embeddings", json!({"model": model, "input": "hello"})),
        (
            "/v1/images/generations",
            json!({"model": model, "prompt": "a boat"}),
        ),
        (
            "/v1/audio/speech",
            json!({"model": model, "input": "hello", "voice": "alloy"}),
        ),
        ("/v1/audio/transcriptions", json!({"model": model})),
        ("/v1/moderations", json!({"model": model, "input": "hello"})),
        ("/v1/no/such/path", chat.clone()),
        ("/openai/deployments/gpt-4/chat/completions", chat.clone()),
        ("//v1/chat/completions", chat.clone()),
        ("/v1/../v1/chat/completions", chat),
    ]
}

/// The status of an attempt to upgrade to a websocket.
async fn upgrade(url: &str, path: &str, key: &str) -> Result<u16> {
    let host = url.strip_prefix("http://").context("an http address")?;
    let mut stream = TcpStream::connect(host).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
         connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer[..count]).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.with_context(|| format!("no status in {text:?}"))
}
