//! One chat call and what was answered.

use anyhow::{Context, Result};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tollgate_harness::Client;

/// An answer read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Value,
    headers: HeaderMap,
}

/// A chat whose answer has exactly `output` tokens where `max_tokens` allows.
pub(crate) fn ask(model: &str, output: u64, max_tokens: u64) -> Value {
    directed(model, &format!("output={output}"), max_tokens)
}

/// A chat with directives for the simulator.
pub(crate) fn directed(model: &str, directives: &str, max_tokens: u64) -> Value {
    json!({
        "model": model,
        "max_tokens": max_tokens,
        "messages": [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": format!("Tell me about rivers. [[sim {directives}]]")},
        ],
    })
}

/// The same, streamed.
pub(crate) fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

/// Calls and reads the answer.
pub(crate) async fn say(client: &Client, body: &Value) -> Result<Told> {
    Told::of(client.chat(body).await?).await
}

/// Calls, reads whatever comes; a broken connection is no error here.
pub(crate) async fn say_anyway(client: &Client, body: &Value) -> Option<u16> {
    let answer = client.chat(body).await.ok()?;
    let status = answer.status().as_u16();
    let _ = answer.bytes().await;
    Some(status)
}

// === impl Told ===

impl Told {
    pub(crate) async fn of(answer: reqwest::Response) -> Result<Self> {
        Ok(Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: serde_json::from_slice(&answer.bytes().await.context("read the answer")?)
                .unwrap_or_default(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name).parse().ok()
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.body["usage"]["total_tokens"]
            .as_u64()
            .unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}
