//! What tests of budgets, endings and fallback are made of: simulators, a gateway, a chat and what
//! was answered.

use serde_json::{Value, json};
use tollgate_harness::{Client, Gateway, GatewayBuilder, Scenario, client_key};
use tollgate_provider::{Simulator, SimulatorConfig};

pub(crate) async fn simulator() -> Simulator {
    Simulator::start(SimulatorConfig::default())
        .await
        .expect("a simulator")
}

pub(crate) async fn gateway(scenario: &Scenario) -> Gateway {
    GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate"))
        .manifests(scenario.to_string())
        .arg("--concurrency=1")
        .start()
        .await
        .expect("a gateway")
}

/// A client with the key of a consumer.
pub(crate) fn of(gateway: &Gateway, consumer: &str) -> Client {
    gateway.client(Some(&client_key(consumer)))
}

/// A chat whose answer has exactly `output` tokens where `max_tokens` allows.
pub(crate) fn ask(output: u64, max_tokens: u64) -> Value {
    json!({
        "model": "gpt-4",
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": format!("hello [[sim output={output}]]")}],
    })
}

/// An answer read to its end.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Value,
    headers: reqwest::header::HeaderMap,
}

impl Told {
    pub(crate) async fn of(answer: reqwest::Response) -> Self {
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: serde_json::from_slice(&answer.bytes().await.expect("a body"))
                .unwrap_or_default(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        let text = self.header(name);
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: {text:?} of {}: {}", self.status, self.body))
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.body["usage"]["total_tokens"]
            .as_u64()
            .unwrap_or_else(|| panic!("usage of {}", self.body))
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

pub(crate) async fn say(client: &Client, body: &Value) -> Told {
    Told::of(client.chat(body).await.expect("an answer")).await
}
