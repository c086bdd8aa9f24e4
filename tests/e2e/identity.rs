//! Who calls: keys are checked before any body is read, end at the gateway, and nothing else that
//! a client sends says who it is.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tollgate_harness::{
    Gateway, GatewayBuilder, eventually,
    manifests::{ANTHROPIC_KEY, OPENAI_KEY, consumer, two_models},
};
use tollgate_provider::{RecordedRequest, Simulator, SimulatorConfig};

const ALICE: &str = "sk-alice-0123456789";
const BOB: &str = "sk-bob-0123456789";
const MODELS: [&str; 2] = ["gpt-4o", "claude-sonnet-4-5"];

struct Served {
    gateway: Gateway,
    openai: Simulator,
    anthropic: Simulator,
}

// === impl Served ===

impl Served {
    async fn start(consumers: &str) -> Result<Self> {
        let openai = Simulator::start(SimulatorConfig::default()).await?;
        let anthropic = Simulator::start(SimulatorConfig::default()).await?;
        let yaml = two_models(openai.addr(), anthropic.addr()) + consumers;
        let gateway = GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate"))
            .manifests(yaml)
            .start()
            .await?;
        Ok(Self {
            gateway,
            openai,
            anthropic,
        })
    }

    /// What reached the providers.
    fn requests(&self) -> Vec<RecordedRequest> {
        let mut requests = self.openai.recorder().requests();
        requests.extend(self.anthropic.recorder().requests());
        requests
    }
}

fn two_consumers() -> String {
    consumer("alice", ALICE) + &consumer("bob", BOB)
}

fn chat(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

/// Sends only a request's head, which announces a body that never comes: the answer's head and
/// body.
async fn answer_to_head(gateway: &Gateway, headers: &str) -> Result<(String, Value)> {
    let address = gateway.url().trim_start_matches("http://").to_string();
    let mut stream = TcpStream::connect(&address).await?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: 40000000\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let read = async {
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                return anyhow::Ok((head.to_ascii_lowercase(), body));
            }
            let length = stream.read(&mut piece).await?;
            anyhow::ensure!(length > 0, "the connection ended after {text:?}");
            answer.extend_from_slice(&piece[..length]);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .context("no answer before the body was sent")?
}

#[tokio::test]
async fn call_without_a_valid_key_is_refused_before_its_body_is_read() -> Result<()> {
    let served = Served::start(&two_consumers()).await?;
    for headers in [
        "",
        "authorization: Bearer sk-nobody\r\n",
        "authorization: Bearer\r\n",
        "authorization: Bearer  \r\n",
        "authorization: Basic c2stYWxpY2U6\r\n",
        &format!("authorization: {ALICE}\r\n"),
        &format!("authorization: Bearer {ALICE}x\r\n"),
        "x-api-key: sk-nobody\r\n",
        "x-api-key:\r\n",
        &format!("api-key: {ALICE}\r\n"),
        "x-user-id: alice\r\n",
    ] {
        let (head, body) = answer_to_head(&served.gateway, headers).await?;
        assert!(head.starts_with("http/1.1 401 "), "{headers:?}: {head}");
        assert!(
            head.contains("content-type: application/json"),
            "{headers:?}: {head}"
        );
        assert!(
            head.contains("www-authenticate: bearer"),
            "{headers:?}: {head}"
        );
        assert_eq!(body["error"]["code"], "invalid_api_key", "{headers:?}");
        assert_eq!(
            body["error"]["type"], "invalid_request_error",
            "{headers:?}"
        );
        let message = body["error"]["message"].as_str().context("message")?;
        assert!(!message.contains("sk-"), "{headers:?}: {message}");
    }
    assert_eq!(served.requests(), []);
    Ok(())
}

#[tokio::test]
async fn key_is_taken_as_bearer_or_as_x_api_key() -> Result<()> {
    let served = Served::start(&two_consumers()).await?;
    let url = format!("{}/v1/chat/completions", served.gateway.url());
    for model in MODELS {
        for (name, value) in [
            ("authorization", format!("Bearer {ALICE}")),
            ("authorization", format!("bearer   {ALICE} ")),
            ("x-api-key", ALICE.to_string()),
        ] {
            let answer = reqwest::Client::new()
                .post(&url)
                .header(name, &value)
                .json(&chat(model, "hi"))
                .send()
                .await?;
            assert_eq!(answer.status(), 200, "{name}: {value}");
        }
    }
    let calls = eventually("six calls in the access log", async || {
        Some(served.gateway.calls()).filter(|calls| calls.len() == 6)
    })
    .await?;
    assert!(
        calls.iter().all(|call| call["consumer"] == "alice"),
        "{calls:?}"
    );
    Ok(())
}

#[tokio::test]
async fn provider_gets_its_own_key_and_never_the_clients() -> Result<()> {
    let served = Served::start(&two_consumers()).await?;
    let url = format!("{}/v1/chat/completions", served.gateway.url());
    for model in MODELS {
        for stream in [false, true] {
            let mut body = chat(model, "hi");
            body["stream"] = stream.into();
            let answer = reqwest::Client::new()
                .post(&url)
                .bearer_auth(ALICE)
                .header("x-api-key", ALICE)
                .header("api-key", ALICE)
                .header("proxy-authorization", format!("Bearer {ALICE}"))
                .header("cookie", format!("session={ALICE}"))
                .json(&body)
                .send()
                .await?;
            assert_eq!(answer.status(), 200, "{model}");
            answer.bytes().await?;
        }
    }
    let requests = served.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert!(!request.contains(ALICE), "{:?}", request.headers);
    }
    for request in served.openai.recorder().requests() {
        assert_eq!(
            request.header("authorization"),
            Some(&*format!("Bearer {OPENAI_KEY}"))
        );
        assert_eq!(request.header("x-api-key"), None);
    }
    for request in served.anthropic.recorder().requests() {
        assert_eq!(request.header("x-api-key"), Some(ANTHROPIC_KEY));
        assert_eq!(request.header("authorization"), None);
    }
    Ok(())
}

#[tokio::test]
async fn namespace_without_consumers_serves_anybody_as_anonymous() -> Result<()> {
    let served = Served::start("").await?;
    let client = served.gateway.client(None);
    assert_eq!(client.say("gpt-4o", "hi").await?.0, 200);
    assert_eq!(
        client
            .with_key(Some("sk-whatever"))
            .say("gpt-4o", "hi")
            .await?
            .0,
        200
    );
    let calls = eventually("two calls in the access log", async || {
        Some(served.gateway.calls()).filter(|calls| calls.len() == 2)
    })
    .await?;
    assert!(
        calls.iter().all(|call| call["consumer"] == "anonymous"),
        "{calls:?}"
    );
    assert!(
        served
            .requests()
            .iter()
            .all(|request| !request.contains("sk-whatever"))
    );
    Ok(())
}

/// Headers by which a client might hope to be somebody else, or to steer the proxy.
const SPOOFED: [(&str, &str); 17] = [
    ("x-tollgate-cluster", "spoofed"),
    ("x-tollgate-exchange", "spoofed"),
    ("x-tollgate-scope", "spoofed"),
    ("x-tollgate-backend", "spoofed"),
    ("x-tollgate-provider", "spoofed"),
    ("x-tollgate-consumer", "spoofed"),
    ("x-user-id", "spoofed"),
    ("x-ai-eg-model", "claude-sonnet-4-5"),
    ("x-envoy-retry-on", "5xx"),
    ("x-envoy-max-retries", "9"),
    ("x-envoy-retriable-status-codes", "200"),
    ("x-envoy-upstream-rq-timeout-ms", "1"),
    ("x-envoy-upstream-rq-per-try-timeout-ms", "1"),
    ("x-envoy-hedge-on-per-try-timeout", "true"),
    ("x-envoy-original-path", "/spoofed"),
    ("x-envoy-upstream-alt-stat-name", "spoofed"),
    ("x-envoy-decorator-operation", "spoofed"),
];

#[tokio::test]
async fn spoofed_headers_change_nothing_and_reach_no_provider() -> Result<()> {
    let served = Served::start(&two_consumers()).await?;
    let url = format!("{}/v1/chat/completions", served.gateway.url());
    // Slow enough that a timeout set by the client would strike.
    let body = chat("gpt-4o", "hi [[sim fault=delay_head:150]]");
    let mut request = reqwest::Client::new()
        .post(&url)
        .bearer_auth(ALICE)
        .json(&body);
    for (name, value) in SPOOFED {
        request = request.header(name, value);
    }
    let answer = request.send().await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-tollgate-provider"], "openai");
    assert_eq!(answer.headers()["x-tollgate-model"], "gpt-4o");
    answer.bytes().await?;
    let requests = served.openai.recorder().requests();
    assert_eq!(requests.len(), 1, "one attempt");
    assert_eq!(served.anthropic.recorder().requests(), []);
    for (name, value) in SPOOFED {
        let got = requests[0].header(name);
        assert_ne!(got, Some(value), "{name} reached the provider");
    }
    let ours: Vec<_> = requests[0]
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-tollgate-") || name.starts_with("x-envoy-"))
        .map(|(name, _)| name.as_str())
        .collect();
    // By this random id a retry finds its call; it must survive the first attempt.
    assert_eq!(ours, ["x-tollgate-exchange"]);
    let calls = eventually("the call in the access log", async || {
        Some(served.gateway.calls()).filter(|calls| calls.len() == 1)
    })
    .await?;
    assert_eq!(calls[0]["consumer"], "alice");
    assert_eq!(calls[0]["provider"], "openai");
    assert_eq!(calls[0]["attempts"], 1);
    Ok(())
}
