//! Every file in `examples/`: it checks clean, and the `curl` in its head works as written. Those
//! for a cluster check clean but for what a single machine cannot do; `tests/cluster` applies the
//! first of them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tokio::process::Command;
use tollgate_harness::{
    Echo, GatewayBuilder,
    command::{repository, run, run_command},
};
use tollgate_ports::free_port;
use tollgate_provider::{Simulator, SimulatorConfig};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

/// Port that examples listen on.
const PORT: &str = "1975";

/// What is said of examples for a cluster where there is none.
const OF_CLUSTERS: [&str; 2] = [
    "is not a kind that tollgate reads; it is skipped",
    "(proxies are made in a cluster only) has no effect in this release",
];

fn examples() -> Result<Vec<PathBuf>> {
    let examples = files_in("examples")?;
    assert!(examples.len() >= 4, "{examples:?}");
    Ok(examples)
}

fn files_in(folder: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(repository().join(folder))?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<_> = entries.collect::<Result<_>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// The commands in the comment that begins an example, `curl` first; long ones go on after `\`.
fn curls(text: &str) -> Vec<String> {
    let head = text.lines().map_while(|line| line.strip_prefix('#'));
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in head.map(str::trim) {
        let part = line.trim_end_matches('\\');
        if goes_on {
            if let Some(last) = commands.last_mut() {
                last.push_str(part);
            }
        } else if line.starts_with("curl ") {
            commands.push(part.to_string());
        }
        goes_on = line.ends_with('\\') && (goes_on || line.starts_with("curl "));
    }
    commands
}

/// Names of objects and backends: each may be sent elsewhere with `--provider-url`.
fn names(text: &str) -> Vec<String> {
    let mut names: Vec<_> = text
        .split("name: ")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn every_example_is_in_effect_as_it_stands() -> Result<()> {
    for example in examples()? {
        let path = example.to_str().context("path")?;
        let finished = run(TOLLGATE, &["check", path]).await?;
        assert_eq!(
            finished.code,
            Some(0),
            "{path}: {}{}",
            finished.stdout,
            finished.stderr
        );
        assert!(
            finished.stdout.contains("are in effect"),
            "{path}: {}",
            finished.stdout
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_example_for_a_cluster_is_in_effect_but_for_what_needs_one() -> Result<()> {
    let examples = files_in("examples/kubernetes")?;
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples {
        let path = example.to_str().context("path")?;
        let finished = run(TOLLGATE, &["check", path]).await?;
        let said = format!("{}{}", finished.stdout, finished.stderr);
        let unexpected: Vec<&str> = said
            .lines()
            .filter(|line| !line.ends_with("objects are in effect"))
            .filter(|line| !OF_CLUSTERS.iter().any(|it| line.contains(it)))
            .collect();
        assert!(unexpected.is_empty(), "{path}: {unexpected:?}");
        assert!(!said.is_empty(), "{path}: nothing was checked");
    }
    Ok(())
}

#[test]
fn every_folder_of_examples_is_tested() -> Result<()> {
    let entries = std::fs::read_dir(repository().join("examples"))?;
    let entries = entries.map(|entry| Ok(entry?.path()));
    let mut folders: Vec<PathBuf> = entries.collect::<Result<_>>()?;
    folders.retain(|path| path.is_dir());
    assert_eq!(folders, [repository().join("examples/kubernetes")]);
    Ok(())
}

#[tokio::test]
async fn every_example_serves_the_curl_in_its_head() -> Result<()> {
    let provider = Simulator::start(SimulatorConfig::default()).await?;
    let echo = Echo::start("any HTTP server").await?;
    for example in examples()? {
        let path = example.display().to_string();
        let text = std::fs::read_to_string(&example)?;
        let curls = curls(&text);
        assert!(
            !curls.is_empty(),
            "{path}: its first comment shows no `curl …` to try it with"
        );
        // Examples name their port; another test may have it.
        let port = free_port()?.to_string();
        let mut builder = GatewayBuilder::new(TOLLGATE)
            .manifests(text.replace(&format!("port: {PORT}"), &format!("port: {port}")))
            .arg("--concurrency")
            .arg("1");
        for name in names(&text) {
            let address = match name.contains("openai") || name.contains("anthropic") {
                true => provider.addr(),
                false => echo.addr(),
            };
            builder = builder
                .arg("--provider-url")
                .arg(format!("{name}=http://{address}"));
        }
        let gateway = builder.start().await.with_context(|| path.clone())?;
        for curl in curls {
            let there = curl.replace("http://127.0.0.1:1975", gateway.url());
            assert_ne!(
                there, curl,
                "{path}: {curl} is not for http://127.0.0.1:1975"
            );
            let mut command = Command::new("sh");
            command.args(["-c", &format!("{there} -sS --fail-with-body")]);
            let finished = run_command(command).await?;
            assert_eq!(finished.code, Some(0), "{path}: {there}: {finished:?}");
            assert!(!finished.stdout.is_empty(), "{path}: {there}: {finished:?}");
        }
        let status = gateway.status().await?;
        assert_eq!(status["problems"], serde_json::json!([]), "{path}");
    }
    Ok(())
}
