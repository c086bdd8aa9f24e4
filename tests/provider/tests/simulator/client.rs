//! A small client for the tests: requests as JSON, streams as events.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tollgate_provider::{Simulator, SimulatorConfig};

pub(crate) async fn start() -> Simulator {
    Simulator::start(SimulatorConfig::default())
        .await
        .expect("simulator")
}

pub(crate) fn url(simulator: &Simulator, path: &str) -> String {
    format!("http://{}{path}", simulator.addr())
}

pub(crate) fn openai(simulator: &Simulator, body: &Value) -> RequestBuilder {
    reqwest::Client::new()
        .post(url(simulator, "/v1/chat/completions"))
        .bearer_auth("sk-provider")
        .json(body)
}

pub(crate) fn anthropic(simulator: &Simulator, body: &Value) -> RequestBuilder {
    reqwest::Client::new()
        .post(url(simulator, "/v1/messages"))
        .header("x-api-key", "sk-ant")
        .header("anthropic-version", "2023-06-01")
        .json(body)
}

/// An OpenAI request with one user message.
pub(crate) fn chat(text: &str) -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]})
}

/// The same, streamed with usage.
pub(crate) fn chat_stream(text: &str) -> Value {
    with(
        chat(text),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    )
}

/// An Anthropic request with one user message.
pub(crate) fn messages(text: &str) -> Value {
    json!({"model": "claude-sonnet-4-5", "max_tokens": 4096, "messages": [{"role": "user", "content": text}]})
}

pub(crate) fn with(mut body: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("response");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("body");
    let json = serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{e}: {body:?}"));
    (status, json)
}

/// The `data:` of every event until the stream ends, and whether it ended well.
pub(crate) async fn events(request: RequestBuilder) -> (Vec<String>, bool) {
    let response = request.send().await.expect("response");
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    read_events(response).await
}

pub(crate) async fn read_events(mut response: Response) -> (Vec<String>, bool) {
    let mut text = Vec::new();
    let ended_well = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let data = text
        .split("\n\n")
        .filter_map(|event| Some(event.split_once("data: ")?.1.to_owned()));
    (data.collect(), ended_well)
}

pub(crate) fn json_of(event: &str) -> Value {
    serde_json::from_str(event).unwrap_or_else(|e| panic!("{e}: {event}"))
}

/// Waits until `holds`, at most a second.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "within a second: {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
