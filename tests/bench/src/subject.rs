//! What is measured: an address, a key, and the processes whose CPU counts.

use std::{
    any::Any,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::cpu;

/// A gateway under load.
pub(crate) struct Subject {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
    root: u32,
    /// Keeps the processes alive while they are measured.
    _running: Box<dyn Any>,
}

impl Subject {
    pub(crate) fn new(url: String, key: Option<&str>, root: u32, running: Box<dyn Any>) -> Self {
        Self {
            url,
            key: key.map(str::to_string),
            root,
            _running: running,
        }
    }

    /// The process and its children (tollgate's Envoy).
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.root];
        pids.extend(cpu::children(self.root));
        pids
    }

    /// Envoy alone: the child of tollgate, or the process itself.
    pub(crate) fn envoy_pids(&self) -> Vec<u32> {
        let children = cpu::children(self.root);
        if children.is_empty() {
            vec![self.root]
        } else {
            children
        }
    }

    /// Time from `begun` until the first answer.
    pub(crate) async fn first_answer(&self, begun: Instant) -> Result<Duration> {
        let body =
            r#"{"model":"bench-whole","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}"#;
        let answer = reqwest::Client::new()
            .post(&self.url)
            .bearer_auth(self.key.as_deref().unwrap_or_default())
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await?;
        ensure!(
            answer.status().is_success(),
            "the first answer was {}",
            answer.status()
        );
        Ok(begun.elapsed())
    }
}

/// Tollgate as users run it: a key is checked, two budgets are held and settled, there is a
/// second provider to fall back to, and each call is logged (to a file).
pub(crate) async fn tollgate(binary: &Path, upstream: SocketAddr) -> Result<Subject> {
    let folder = tempfile::tempdir()?;
    let manifests = folder.path().join("manifests");
    std::fs::create_dir(&manifests)?;
    let text = MANIFESTS.replace("UPSTREAM", &format!("http://{upstream}"));
    std::fs::write(manifests.join("bench.yaml"), text)?;
    // Not where manifests are watched.
    let logs = tempfile::tempdir()?;
    let log = std::fs::File::create(logs.path().join("log"))?;
    let mut child = Command::new(binary)
        .args(["run", "--port=0", "--admin-port=0", "--concurrency=1"])
        .arg(&manifests)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {}; build it with `make build`", binary.display()))?;
    let stdout = child.stdout.take().context("stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = lines.next_line().await?.context("tollgate ended")?;
    let url = ready
        .split(' ')
        .find(|word| word.starts_with("http://"))
        .with_context(|| format!("tollgate said {ready:?}"))?;
    let url = format!("{url}/chat/completions");
    let pid = child.id().context("tollgate ended")?;
    Ok(Subject::new(
        url,
        Some("sk-bench"),
        pid,
        Box::new((child, folder, logs)),
    ))
}

const MANIFESTS: &str = r#"
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: whole}
spec:
  backends:
  - {name: first, provider: openai, endpoint: UPSTREAM/v1, model: bench-whole, auth: {type: APIKey, apiKeyRef: {name: provider}}}
  - {name: second, provider: openai, priority: 1, endpoint: UPSTREAM/v1, model: bench-whole, auth: {type: APIKey, apiKeyRef: {name: provider}}}
  - {name: stream-first, provider: openai, endpoint: UPSTREAM/v1, model: bench-stream-52-flush, auth: {type: APIKey, apiKeyRef: {name: provider}}}
  - {name: stream-second, provider: openai, priority: 1, endpoint: UPSTREAM/v1, model: bench-stream-52-flush, auth: {type: APIKey, apiKeyRef: {name: provider}}}
  - {name: paced-first, provider: openai, endpoint: UPSTREAM/v1, model: bench-stream-52-paced, auth: {type: APIKey, apiKeyRef: {name: provider}}}
  - {name: paced-second, provider: openai, priority: 1, endpoint: UPSTREAM/v1, model: bench-stream-52-paced, auth: {type: APIKey, apiKeyRef: {name: provider}}}
  rateLimit:
    tokenBudget: {perUser: 1000000000000, perMinute: 100000000000}
---
apiVersion: v1
kind: Secret
metadata: {name: provider}
stringData: {apiKey: sk-provider}
---
apiVersion: v1
kind: Secret
metadata: {name: bench-key}
stringData: {apiKey: sk-bench}
---
apiVersion: tollgate.dev/v1alpha1
kind: Consumer
metadata: {name: bench}
spec: {apiKeys: [{secretRef: {name: bench-key}}]}
"#;
