//! No secret is ever shown: not in logs, not by the admin endpoint, not by any command, not by
//! Envoy's own dump.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tollgate_harness::{
    Gateway, GatewayBuilder,
    command::run,
    eventually,
    manifests::{consumer, one_model, secret},
};
use tollgate_provider::{Simulator, SimulatorConfig};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

const ALICE: &str = "sk-client-alice-ZQX7Jv2mK9";
const BOB: &str = "sk-client-bob-WPL4Hn8cT3";
const OPENAI: &str = "sk-upstream-openai-RVB6Yd1sG5";
const ANTHROPIC: &str = "sk-upstream-anthropic-MKF3Xw7zE2";
const AZURE: &str = "upstream-azure-NDC9Ub5qA8";
/// Only in the process' environment; a manifest refers to it.
const FROM_ENVIRONMENT: &str = "sk-upstream-environment-THS2Lg6pO4";
/// Sent by somebody who has no key here.
const GUESSED: &str = "sk-guessed-JXI8Rk3vB1";
/// Of a Secret in a document that cannot be used.
const BROKEN: &str = "sk-broken-CEQ5Fa9nY7";

const SECRETS: [&str; 8] = [
    ALICE,
    BOB,
    OPENAI,
    ANTHROPIC,
    AZURE,
    FROM_ENVIRONMENT,
    GUESSED,
    BROKEN,
];

fn manifests(openai: &Simulator, anthropic: &Simulator) -> String {
    let (openai, anthropic) = (openai.addr(), anthropic.addr());
    format!(
        "\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {{name: llm}}
spec:
  backends:
  - {{name: openai, provider: openai, endpoint: 'http://{openai}/v1', model: gpt-4o,
     auth: {{apiKeyRef: {{name: openai-key}}}}}}
  - {{name: anthropic, provider: anthropic, priority: 1, endpoint: 'http://{anthropic}/v1', model: claude-3-opus,
     modelNameOverride: gpt-4o, auth: {{apiKeyRef: {{name: anthropic-key}}}}}}
  - {{name: azure, provider: azure-openai, endpoint: 'http://{openai}', model: gpt-4o-azure,
     auth: {{apiKeyRef: {{name: azure-key}}}}}}
  rateLimit: {{tokenBudget: {{perMinute: 5000}}}}
{}{}{}{}{}{}{}{}",
        secret("openai-key", OPENAI),
        secret("anthropic-key", ANTHROPIC),
        secret("azure-key", AZURE),
        one_model("environment", "environment", (openai, "gpt-4o-mini"))
            .replace("openai-key", "environment-key"),
        secret("environment-key", "${TEST_SECRET:=none}"),
        consumer("alice", ALICE),
        consumer("bob", BOB),
        broken_documents(),
    )
}

/// Mistakes close to secrets, whose messages might quote them.
fn broken_documents() -> String {
    format!(
        "\
---
apiVersion: v1
kind: Secret
metadata: {{name: broken-base64}}
data: {{apiKey: '{BROKEN}'}}
---
apiVersion: v1
kind: Secret
metadata: {{name: broken-type}}
stringData: {{apiKey: ['{BROKEN}']}}
---
apiVersion: v1
kind: Secret
metadata: {{name: broken-yaml}}
stringData: {{apiKey: {BROKEN}: {{
---
apiVersion: v1
kind: Secret
metadata: {{name: broken-text}}
stringData: {BROKEN}
"
    )
}

/// Whole, streamed, fallback, and refusals of every kind.
async fn traffic(gateway: &Gateway, openai: &mut Simulator) -> Result<()> {
    let alice = gateway.client(Some(ALICE));
    for model in ["gpt-4o", "gpt-4o-azure", "environment"] {
        assert_eq!(alice.say(model, "hi").await?.0, 200, "{model}");
    }
    let body =
        json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let streamed = gateway.client(Some(BOB)).chat(&body).await?;
    assert_eq!(streamed.status(), 200);
    streamed.bytes().await?;
    assert_eq!(
        alice.say("gpt-4o", "[[sim fault=status:400]]").await?.0,
        400
    );
    assert_eq!(
        alice.say("gpt-4o", "[[sim fault=status:401]]").await?.0,
        401
    );
    assert_eq!(alice.say("no-such-model", "hi").await?.0, 404);
    assert_eq!(
        gateway.client(Some(GUESSED)).say("gpt-4o", "hi").await?.0,
        401
    );
    assert_eq!(alice.post("/v1/chat/completions", "{").await?.status(), 400);
    let whole_budget = json!({"model": "gpt-4o", "max_tokens": 4900,
        "messages": [{"role": "user", "content": "word ".repeat(6000)}]});
    assert_eq!(alice.chat(&whole_budget).await?.status(), 429);

    openai.kill().await;
    let answer = alice.say("gpt-4o", "hi").await?;
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_ne!(alice.say("gpt-4o-azure", "hi").await?.0, 200);
    openai.restart().await
}

/// What Envoy says of itself over its private socket.
async fn envoy_dump(gateway: &Gateway) -> Result<String> {
    let (_, line) = gateway.envoy()?;
    let bootstrap = line
        .iter()
        .skip_while(|word| *word != "--config-path")
        .nth(1)
        .context("bootstrap")?;
    let socket = Path::new(bootstrap)
        .parent()
        .context("folder")?
        .join("admin.sock");
    let client = reqwest::Client::builder().unix_socket(socket).build()?;
    let mut text = std::fs::read_to_string(bootstrap)?;
    for path in [
        "config_dump?include_eds",
        "clusters",
        "stats",
        "server_info",
    ] {
        text += &client
            .get(format!("http://envoy/{path}"))
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
    }
    Ok(text)
}

#[track_caller]
fn check(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what} is empty");
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} stands in {what}");
        // Nor in the two forms in which it travels and is stored.
        let random = secret.rsplit('-').next().unwrap_or(secret);
        assert!(!text.contains(random), "{random} stands in {what}");
        let encoded = base64(secret.as_bytes());
        assert!(
            !text.contains(&encoded[..encoded.len() - 4]),
            "{secret} stands in {what} as base64"
        );
    }
}

/// Base64 without its last, partial group.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
    });
    digits.collect()
}

#[tokio::test]
async fn secrets_are_in_no_log_dump_metric_or_status() -> Result<()> {
    let mut openai = Simulator::start(SimulatorConfig::default()).await?;
    let anthropic = Simulator::start(SimulatorConfig::default()).await?;
    let gateway = GatewayBuilder::new(TOLLGATE)
        .manifests(manifests(&openai, &anthropic))
        .env("TEST_SECRET", FROM_ENVIRONMENT)
        .arg("--log-level")
        .arg(LOG_EVERYTHING)
        .start()
        .await?;
    traffic(&gateway, &mut openai).await?;
    let sent = openai.recorder().requests();
    assert!(
        sent.iter()
            .any(|request| request.contains(FROM_ENVIRONMENT)),
        "the key was used"
    );
    assert!(
        anthropic
            .recorder()
            .requests()
            .iter()
            .any(|request| request.contains(ANTHROPIC))
    );

    // A rotation is logged too.
    gateway
        .rewrite(&manifests(&openai, &anthropic).replace("perMinute: 5000", "perMinute: 6000"))?;
    eventually("the change is in effect", async || {
        let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]});
        let answer = gateway.client(Some(BOB)).chat(&body).await.ok()?;
        let limit = answer.headers().get("x-ratelimit-limit-tokens")?;
        (limit == "6000").then_some(())
    })
    .await?;

    let admin = gateway.admin();
    for path in ["/status", "/metrics", "/ready", "/health"] {
        check(path, &admin.get(path).await?.text().await?);
    }
    let status = run(TOLLGATE, &["status", "--admin", gateway.admin_url()]).await?;
    check("tollgate status", &(status.stdout + &status.stderr));
    check("Envoy's dump", &envoy_dump(&gateway).await?);
    let (_, output) = gateway.stop().await?;
    let debug = output
        .lines()
        .filter(|line| line.contains("\"DEBUG\"") || line.contains("\"TRACE\""));
    assert!(debug.count() > 10, "the log is not at debug level");
    check("the log", &output);
    Ok(())
}

/// Debug for all, trace for ours.
const LOG_EVERYTHING: &str = "debug,tollgate=trace,tollgate_controller=trace,tollgate_translate=trace,\
    tollgate_xds=trace,tollgate_extproc=trace,tollgate_engine=trace,tollgate_llm=trace,\
    tollgate_budget=trace,tollgate_crds=trace,tollgate_bundle=trace";

#[tokio::test]
async fn secrets_are_in_no_output_of_a_command() -> Result<()> {
    let openai = Simulator::start(SimulatorConfig::default()).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("manifests.yaml");
    let yaml = manifests(&openai, &openai).replace("${TEST_SECRET:=none}", FROM_ENVIRONMENT);
    std::fs::write(&path, yaml)?;
    let chat = folder.path().join("chat.json");
    std::fs::write(
        &chat,
        r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#,
    )?;
    let (path, chat) = (
        path.to_str().context("path")?,
        chat.to_str().context("path")?,
    );

    let said =
        |finished: tollgate_harness::command::Finished| finished.stdout + "\n" + &finished.stderr;
    let checked = said(run(TOLLGATE, &["check", path]).await?);
    for name in ["broken-base64", "broken-type", "broken-text"] {
        assert!(checked.contains(name), "{name} is not in {checked}");
    }
    check("tollgate check", &checked);
    for to in ["ir", "xds", "status"] {
        let finished = run(TOLLGATE, &["translate", "-f", path, "--to", to]).await?;
        serde_json::from_str::<Value>(&finished.stdout)?;
        check(&format!("tollgate translate --to {to}"), &said(finished));
    }
    for key in [ALICE, GUESSED] {
        for form in [&[][..], &["--json"]] {
            let args = [&["explain", "-f", path, chat, "--key", key], form].concat();
            check("tollgate explain", &said(run(TOLLGATE, &args).await?));
        }
    }
    Ok(())
}
