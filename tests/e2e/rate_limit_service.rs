//! `tollgate ratelimit`: the service alone, as an Envoy of somebody else's asks it.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};
use tollgate_envoy::{
    ratelimit::{
        RateLimitRequest, rate_limit_response::Code,
        rate_limit_service_client::RateLimitServiceClient,
    },
    ratelimit_descriptor::{RateLimitDescriptor, rate_limit_descriptor::Entry},
};
use tollgate_harness::{
    RedisServer,
    command::{run, send_signal},
    eventually,
};
use tonic::transport::{Channel, Endpoint};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");
const PATIENCE: Duration = Duration::from_secs(30);

/// A running service. Killed when dropped.
struct Running {
    process: Child,
    address: String,
    admin: String,
    folder: TempDir,
}

impl Running {
    /// On a Unix socket, with so many requests per hour for each user.
    async fn start(requests: u64, args: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("limits.yaml"), manifests(requests))?;
        let socket = format!("unix:{}", folder.path().join("r.sock").display());
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut process = Command::new(TOLLGATE)
            .args(["ratelimit", "--admin-port", "0", "--listen", &socket])
            .arg("--config")
            .arg(folder.path().join("limits.yaml"))
            .args(args)
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().context("stdout")?;
        let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let line = line.with_context(log)?;
        let (address, admin) = line
            .strip_prefix("ready ")
            .and_then(|rest| rest.strip_suffix(')')?.split_once(" (admin "))
            .with_context(|| format!("{line:?} does not say where it serves"))?;
        Ok(Self {
            process,
            address: address.to_string(),
            admin: admin.to_string(),
            folder,
        })
    }

    async fn client(&self) -> Result<RateLimitServiceClient<Channel>> {
        let path = self.address.strip_prefix("unix:").context("a socket")?;
        let endpoint = Endpoint::from_shared(format!("unix://{path}"))?;
        Ok(RateLimitServiceClient::new(endpoint.connect().await?))
    }

    async fn status(&self) -> Result<Value> {
        let answer = reqwest::get(format!("{}/status", self.admin)).await?;
        Ok(answer.json().await?)
    }

    /// The request that Envoy makes for a user, as the limits in effect have it.
    async fn request(&self, user: &str) -> Result<RateLimitRequest> {
        let status = self.status().await?;
        let domains = status["rateLimits"].as_object().context("domains")?;
        let (domain, limits) = domains.iter().next().context("a domain")?;
        let text = |value: &Value| value.as_str().unwrap_or(user).to_string();
        let entries = limits[0]["entries"].as_array().context("entries")?;
        let entries = entries.iter().map(|entry| Entry {
            key: text(&entry["key"]),
            value: text(&entry["value"]),
        });
        Ok(RateLimitRequest {
            domain: domain.clone(),
            descriptors: vec![RateLimitDescriptor {
                entries: entries.collect(),
                ..RateLimitDescriptor::default()
            }],
            hits_addend: 0,
        })
    }

    /// Whether a request of this user is served.
    async fn ask(&self, user: &str) -> Result<bool> {
        let request = self.request(user).await?;
        let answer = self.client().await?.should_rate_limit(request).await?;
        let answer = answer.into_inner();
        ensure!(
            answer.statuses[0].current_limit.is_some(),
            "no limit applies: {answer:?}"
        );
        Ok(answer.overall_code() == Code::Ok)
    }

    async fn stop(mut self) -> Result<Option<i32>> {
        let pid = self.process.id().context("it has ended already")?;
        send_signal("-TERM", pid).await?;
        Ok(timeout(PATIENCE, self.process.wait()).await??.code())
    }
}

fn manifests(requests: u64) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: eg}}
spec: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: eg}}
spec:
  gatewayClassName: eg
  listeners: [{{name: http, port: 10080, protocol: HTTP}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: app}}
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: 8080}}}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web}}
spec:
  parentRefs: [{{name: eg}}]
  rules:
  - backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: app}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: limits}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}}]
  rateLimit:
    type: Global
    global:
      rules:
      - clientSelectors: [{{headers: [{{type: Distinct, name: x-user-id}}]}}]
        limit: {{requests: {requests}, unit: Hour}}
"
    )
}

#[tokio::test]
async fn limits_of_manifests_are_served_until_the_process_is_told_to_stop() -> Result<()> {
    let running = Running::start(2, &[]).await?;
    for (user, served) in [("a", true), ("a", true), ("a", false), ("b", true)] {
        assert_eq!(running.ask(user).await?, served, "{user}");
    }
    let ready = reqwest::get(format!("{}/ready", running.admin)).await?;
    assert_eq!(ready.status(), 200);
    assert!(ready.text().await?.contains("memory"));
    let metrics = reqwest::get(format!("{}/metrics", running.admin)).await?;
    let metrics = metrics.text().await?;
    for line in [
        "tollgate_ratelimit_requests_total{outcome=\"over_limit\"",
        "tollgate_ratelimit_decisions_total{limit=\"default/limits/0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let socket = running.folder.path().join("r.sock");
    assert!(socket.exists());
    assert_eq!(running.stop().await?, Some(0));
    assert!(!socket.exists());
    Ok(())
}

#[tokio::test]
async fn an_edited_limit_is_in_effect_soon_and_keeps_what_was_used() -> Result<()> {
    let running = Running::start(1, &[]).await?;
    assert!(running.ask("a").await?);
    assert!(!running.ask("a").await?);
    let path = running.folder.path().join("limits.yaml");
    std::fs::write(&path, manifests(2))?;
    eventually("the new limit", || async {
        running.ask("a").await.ok()?.then_some(())
    })
    .await?;
    assert!(!running.ask("a").await?);
    // What cannot be read says so, and the rest stays in effect.
    std::fs::write(&path, format!("{}---\nkind: [", manifests(2)))?;
    let log = running.folder.path().join("log");
    eventually("a word about the broken document", || async {
        let text = std::fs::read_to_string(&log).ok()?;
        text.contains("limits.yaml").then_some(())
    })
    .await?;
    assert!(!running.ask("a").await?);
    Ok(())
}

#[tokio::test]
async fn two_services_on_one_redis_share_their_limits() -> Result<()> {
    let redis = RedisServer::start().await?;
    let url = redis.url();
    let first = Running::start(3, &["--redis", &url]).await?;
    let second = Running::start(3, &["--redis", &url]).await?;
    assert!(first.ask("a").await?);
    assert!(second.ask("a").await?);
    assert!(first.ask("a").await?);
    assert!(!second.ask("a").await?);
    assert!(!first.ask("a").await?);
    assert!(second.ask("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_store_that_hangs_leaves_the_decision_to_envoy_soon_and_recovers() -> Result<()> {
    let redis = RedisServer::start().await?;
    let running = Running::start(1_000, &["--redis", &redis.url()]).await?;
    assert!(running.ask("a").await?);
    let request = running.request("a").await?;
    let mut client = running.client().await?;
    redis.freeze().await?;
    for _ in 0..20 {
        let begun = Instant::now();
        let failed = client.should_rate_limit(request.clone()).await;
        let status = failed.err().context("a decision without a store")?;
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
        // The deadline is 20 ms; the rest is for a machine that is busy.
        let waited = begun.elapsed();
        assert!(waited < Duration::from_millis(500), "{waited:?}");
    }
    // What needs no store is served all the same.
    let mut unlimited = request.clone();
    unlimited.domain = "other".to_string();
    let answer = client.should_rate_limit(unlimited).await?.into_inner();
    assert_eq!(answer.overall_code(), Code::Ok);
    redis.thaw().await?;
    eventually("decisions again", || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.should_rate_limit(request).await.ok().map(drop) }
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn an_address_or_a_path_that_is_none_is_named() -> Result<()> {
    let wrong = run(
        TOLLGATE,
        &["ratelimit", "--config", "examples", "--listen", "localhost"],
    )
    .await?;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(
        wrong.stderr.contains("neither IP:PORT nor unix:PATH"),
        "{wrong:?}"
    );
    let missing = run(TOLLGATE, &["ratelimit", "--config", "no-such-file"]).await?;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("no-such-file does not exist"),
        "{missing:?}"
    );
    let file = tempfile::NamedTempFile::new()?;
    let taken = format!("unix:{}", Path::display(file.path()));
    let args = [
        "ratelimit",
        "--config",
        "examples",
        "--admin-port",
        "0",
        "--listen",
        &taken,
    ];
    let taken = run(TOLLGATE, &args).await?;
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.stderr.contains("no socket"), "{taken:?}");
    Ok(())
}
