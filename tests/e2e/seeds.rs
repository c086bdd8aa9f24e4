//! Manifests of others, as they stand (`tests/seeds`): all are read, the AI route is served.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_harness::{
    GatewayBuilder,
    command::{repository, run},
    manifests::secret,
};
use tollgate_provider::{Simulator, SimulatorConfig};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

#[tokio::test]
async fn compact_route_is_served_as_it_stands() -> Result<()> {
    let (mut openai, anthropic) = (
        Simulator::start(SimulatorConfig::default()).await?,
        Simulator::start(SimulatorConfig::default()).await?,
    );
    let gateway = GatewayBuilder::new(TOLLGATE)
        .arg(
            repository()
                .join("tests/seeds/10-aigatewayroute.yaml")
                .display()
                .to_string(),
        )
        .file(
            "keys.yaml",
            secret("openai-key", "sk-openai") + &secret("anthropic-key", "sk-anthropic"),
        )
        .arg("--provider-url")
        .arg(format!("openai=http://{}", openai.addr()))
        .arg("--provider-url")
        .arg(format!("anthropic=http://{}", anthropic.addr()))
        .start()
        .await?;
    let client = gateway.client(None);
    let body =
        serde_json::json!({"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]});
    let answer = client.chat(&body).await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-tollgate-provider"], "openai");
    // perMinute: 10000 is the tighter of the two.
    assert_eq!(answer.headers()["x-ratelimit-limit-tokens"], "10000");
    let text = answer.text().await?;
    assert!(text.contains("hello"), "{text}");
    let request = openai.recorder().last().context("a request")?;
    assert_eq!(request.header("authorization"), Some("Bearer sk-openai"));
    assert_eq!(request.json()["model"], "gpt-4");

    openai.kill().await;
    let answer = client.chat(&body).await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-tollgate-provider"], "anthropic");
    assert_eq!(answer.headers()["x-tollgate-model"], "claude-3-opus");
    let request = anthropic.recorder().last().context("a request")?;
    assert_eq!(request.header("x-api-key"), Some("sk-anthropic"));
    assert_eq!(request.json()["model"], "claude-3-opus");
    Ok(())
}

fn seeds() -> Result<Vec<PathBuf>> {
    let folder = repository().join("tests/seeds");
    let entries = std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path()));
    let mut seeds: Vec<_> = entries.collect::<Result<_>>()?;
    seeds.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    seeds.sort();
    assert!(seeds.len() >= 20, "{seeds:?}");
    Ok(seeds)
}

/// Kind and name of each document, as it is written: seeds are plain block YAML.
fn documents(text: &str) -> Vec<(String, String)> {
    let mut documents = Vec::new();
    for document in text.split("\n---") {
        let of = |prefix: &str| {
            let found = document.lines().find_map(|line| line.strip_prefix(prefix));
            found.map(|rest| rest.split('#').next().unwrap_or("").trim().to_string())
        };
        if let Some(kind) = of("kind:") {
            documents.push((kind, of("  name:").unwrap_or_default()));
        }
    }
    documents
}

/// Kinds of the seeds that get a status; every other one but those of [`SILENT`] is
/// named and skipped.
const KNOWN: [&str; 11] = [
    "AIGatewayRoute",
    "Backend",
    "BackendTrafficPolicy",
    "ClientTrafficPolicy",
    "EnvoyExtensionPolicy",
    "EnvoyPatchPolicy",
    "EnvoyProxy",
    "Gateway",
    "GatewayClass",
    "HTTPRoute",
    "SecurityPolicy",
];
/// Kinds that are read and get no status of their own.
const SILENT: [&str; 2] = ["ConfigMap", "Service"];

#[tokio::test]
async fn every_document_gets_a_status_or_is_named_as_unknown() -> Result<()> {
    for seed in seeds()? {
        let path = seed.to_str().context("path")?;
        let text = std::fs::read_to_string(&seed)?;
        let finished = run(TOLLGATE, &["translate", "-f", path, "--to", "status"]).await?;
        assert_eq!(finished.code, Some(0), "{path}: {}", finished.stderr);
        let statuses: Value = serde_json::from_str(&finished.stdout)?;
        let statuses = statuses.as_array().context("a list of statuses")?;
        let documents = documents(&text);
        assert!(!documents.is_empty(), "{path}");
        for (kind, name) in &documents {
            if KNOWN.contains(&kind.as_str()) {
                let found = statuses.iter().any(|entry| {
                    entry["object"]["kind"] == **kind && entry["object"]["name"] == **name
                });
                assert!(
                    found,
                    "{path}: {kind} {name} has no status: {}",
                    finished.stdout
                );
            } else if !SILENT.contains(&kind.as_str()) {
                let skipped = format!(" {kind} is not a kind that tollgate reads; it is skipped");
                assert!(
                    finished.stderr.contains(&skipped),
                    "{path}: {}",
                    finished.stderr
                );
                assert!(
                    finished.stderr.contains(&format!("{path}:")),
                    "{}",
                    finished.stderr
                );
            }
        }
        let known = documents
            .iter()
            .filter(|(kind, _)| KNOWN.contains(&kind.as_str()))
            .count();
        assert_eq!(statuses.len(), known, "{path}: {}", finished.stdout);
        let skipped = finished.stderr.matches("is skipped").count();
        let silent = documents
            .iter()
            .filter(|(kind, _)| SILENT.contains(&kind.as_str()))
            .count();
        assert_eq!(
            skipped,
            documents.len() - known - silent,
            "{path}: {}",
            finished.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_seed_can_be_checked_translated_and_served_together() -> Result<()> {
    for seed in seeds()? {
        let path = seed.to_str().context("path")?;
        let finished = run(TOLLGATE, &["check", path]).await?;
        assert!(matches!(finished.code, Some(0 | 1)), "{path}: {finished:?}");
        let says_why = finished.stdout.contains(" is False (") || finished.stdout.contains(path);
        assert!(finished.code == Some(0) || says_why, "{path}: {finished:?}");
        for to in ["ir", "xds"] {
            let finished = run(TOLLGATE, &["translate", "-f", path, "--to", to]).await?;
            assert_eq!(finished.code, Some(0), "{path}: {}", finished.stderr);
            serde_json::from_str::<Value>(&finished.stdout)
                .with_context(|| format!("{path} to {to}"))?;
        }
    }
    // One folder of everybody's manifests: what cannot be done says so, the rest is served.
    let folder = repository().join("tests/seeds").display().to_string();
    let finished = run(TOLLGATE, &["check", &folder]).await?;
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    assert!(
        finished
            .stdout
            .contains("port 80 is taken by Gateway default/eg"),
        "{}",
        finished.stdout
    );
    Ok(())
}

#[tokio::test]
async fn route_that_its_gateway_does_not_allow_says_exactly_why() -> Result<()> {
    let seed = repository().join("tests/seeds/30-public-gateway.yaml");
    let finished = run(TOLLGATE, &["check", seed.to_str().context("path")?]).await?;
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    let reason = "NotAllowedByListeners): Gateway gateway-system/public-gateway does not take this route of namespace default: \
        listener http takes routes of namespace gateway-system (allowedRoutes.namespaces.from: Same)";
    assert!(finished.stdout.contains(reason), "{}", finished.stdout);
    Ok(())
}
