//! LiteLLM's proxy as the peer: `litellm` processes that share a Redis. Keys and their limits come
//! from its custom authentication, so that no database is needed; limits are its `tpm_limit`,
//! which it reserves before a call and corrects after it.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tollgate_harness::{RedisServer, eventually_within};

use super::{Peer, Providers, Spent, User, UserSpec, Wait};

/// How LiteLLM is started.
#[derive(Clone, Debug)]
pub struct LiteLlmConfig {
    /// `…/bin/litellm` of an environment with `litellm[proxy]`.
    pub executable: PathBuf,
}

/// Running processes.
#[derive(Debug)]
pub(crate) struct LiteLlm {
    config: LiteLlmConfig,
    version: String,
    folder: TempDir,
    keys: BTreeMap<String, Value>,
    processes: Vec<Process>,
    /// Where its counters can be read, past the fault proxy.
    redis: SocketAddr,
}

#[derive(Debug)]
struct Process {
    child: Child,
    port: u16,
}

/// It imports for seconds, on a machine that may be busy.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// Longer than any item: its default of 60 s would end within some.
const WINDOW_S: u32 = 3600;

const CONFIG: &str = "\
model_list:
- model_name: gpt-4
  litellm_params: {model: openai/gpt-4, api_base: 'http://FIRST/v1', api_key: provider-a}
- model_name: bench-whole
  litellm_params: {model: openai/bench-whole, api_base: 'http://FIRST/v1', api_key: provider-a}
- model_name: with-fallback
  litellm_params: {model: openai/gpt-4, api_base: 'http://FIRST/v1', api_key: provider-a}
- model_name: claude
  litellm_params: {model: anthropic/claude-3-opus, api_base: 'http://SECOND', api_key: provider-b}
general_settings:
  master_key: sk-torture-0123456789abcdef0123456789abcdef0123456789
  custom_auth: torture_auth.user_api_key_auth
  fail_closed_rate_limit_enforcement: true
litellm_settings:
  num_retries: 0
  drop_params: true
  request_timeout: 120
  fallbacks: [{with-fallback: [claude]}]
  cache: true
  cache_params: {type: redis, host: HOST, port: PORT, supported_call_types: []}
router_settings:
  num_retries: 0
  disable_cooldowns: true
  redis_host: HOST
  redis_port: PORT
";

const AUTH: &str = "\
import hashlib, json, os
from litellm.proxy._types import UserAPIKeyAuth

async def user_api_key_auth(request, api_key: str) -> UserAPIKeyAuth:
    with open(os.environ['TORTURE_KEYS']) as file:
        limits = json.load(file)[api_key]
    return UserAPIKeyAuth(api_key=hashlib.sha256(api_key.encode()).hexdigest(), **limits)
";

// === impl LiteLlm ===

impl LiteLlm {
    /// Starts `replicas` processes that reach Redis by `proxy`.
    ///
    /// # Errors
    ///
    /// One does not start.
    pub(crate) async fn start(
        config: LiteLlmConfig,
        replicas: usize,
        (redis, proxy): (&RedisServer, SocketAddr),
        [first, second]: [SocketAddr; 2],
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a folder")?;
        let text = CONFIG
            .replace("FIRST", &first.to_string())
            .replace("SECOND", &second.to_string())
            .replace("HOST", &proxy.ip().to_string())
            .replace("PORT", &proxy.port().to_string());
        std::fs::write(folder.path().join("config.yaml"), text)?;
        std::fs::write(folder.path().join("torture_auth.py"), AUTH)?;
        let version = version(&config).await?;
        let mut litellm = Self {
            config,
            version,
            folder,
            keys: BTreeMap::new(),
            processes: Vec::new(),
            redis: redis.address(),
        };
        litellm.write_keys()?;
        let started = (0..replicas).map(|replica| litellm.start_one(replica));
        litellm.processes = futures::future::try_join_all(started).await?;
        Ok(litellm)
    }

    async fn start_one(&self, replica: usize) -> Result<Process> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = self.folder.path();
        let log = std::fs::File::create(folder.join(format!("log-{replica}")))?;
        let child = Command::new(&self.config.executable)
            .arg("--config")
            .arg(folder.join("config.yaml"))
            .args(["--host", "127.0.0.1", "--telemetry", "False", "--port"])
            .arg(port.to_string())
            .current_dir(folder)
            .env("PYTHONPATH", folder)
            .env("TORTURE_KEYS", folder.join("keys.json"))
            .env("LITELLM_RATE_LIMIT_WINDOW_SIZE", WINDOW_S.to_string())
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_LOG", "ERROR")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", self.config.executable.display()))?;
        let url = format!("http://127.0.0.1:{port}/health/liveliness");
        eventually_within(START_PATIENCE, "LiteLLM is alive", async || {
            let answer = reqwest::get(&url).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await
        .with_context(|| {
            std::fs::read_to_string(folder.join(format!("log-{replica}"))).unwrap_or_default()
        })?;
        Ok(Process { child, port })
    }

    fn write_keys(&self) -> Result<()> {
        let draft = self.folder.path().join("keys.draft");
        std::fs::write(&draft, json!(self.keys).to_string())?;
        std::fs::rename(draft, self.folder.path().join("keys.json")).context("write the keys")
    }
}

/// What `litellm --version` says.
async fn version(config: &LiteLlmConfig) -> Result<String> {
    let output = Command::new(&config.executable)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| {
            format!(
                "run {}: install it with `make torture-litellm` (pip install 'litellm[proxy]')",
                config.executable.display()
            )
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    Ok(version.unwrap_or("of unknown version").to_string())
}

// === impl Peer for LiteLlm ===

impl Peer for LiteLlm {
    fn name(&self) -> String {
        format!("LiteLLM {}", self.version)
    }

    fn replicas(&self) -> usize {
        self.processes.len()
    }

    fn url(&self, replica: usize) -> String {
        let port = self.processes.get(replica).map(|process| process.port);
        format!("http://127.0.0.1:{}", port.unwrap_or_default())
    }

    fn user<'a>(&'a mut self, spec: UserSpec) -> Wait<'a, User> {
        Box::pin(async move {
            let UserSpec {
                name,
                limit,
                team,
                providers,
                asked,
                on_failure: _,
            } = spec;
            let key = format!("sk-{name}");
            let mut limits = json!({"user_id": name, "tpm_limit": limit});
            if let Some(team) = team {
                limits["team_id"] = team.name.into();
                limits["team_tpm_limit"] = team.limit.into();
            }
            self.keys.insert(key.clone(), limits);
            self.write_keys()?;
            let model = match providers {
                Providers::First => asked,
                Providers::FirstThenSecond => "with-fallback",
                Providers::Second => "claude",
            };
            Ok(User {
                name,
                key,
                model: model.to_string(),
                limit,
            })
        })
    }

    fn set_limit<'a>(&'a mut self, user: &'a User, limit: u64) -> Wait<'a, ()> {
        Box::pin(async move {
            let limits = self.keys.get_mut(&user.key).context("no such user")?;
            limits["tpm_limit"] = limit.into();
            self.write_keys()
        })
    }

    fn spent<'a>(&'a self, _replica: usize, user: &'a User) -> Wait<'a, Spent> {
        Box::pin(async move {
            let digest = Sha256::digest(user.key.as_bytes());
            let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let output = Command::new("redis-cli")
                .args(["-p", &self.redis.port().to_string(), "GET"])
                .arg(format!("{{api_key:{hash}}}:tokens"))
                .stdin(Stdio::null())
                .output()
                .await
                .context("run redis-cli")?;
            let text = String::from_utf8_lossy(&output.stdout);
            let text = text.trim();
            ensure!(output.status.success(), "redis-cli: {text}");
            // A counter may fall below zero; there is nothing charged then.
            let counter: f64 = if text.is_empty() {
                0.0
            } else {
                text.parse().with_context(|| format!("parse {text:?}"))?
            };
            Ok(Spent {
                charged: counter.max(0.0) as u64,
                held: None,
            })
        })
    }

    fn kill<'a>(&'a mut self, replica: usize) -> Wait<'a, ()> {
        Box::pin(async move {
            let process = self.processes.get_mut(replica).context("no such replica")?;
            process.child.kill().await.context("kill LiteLLM")
        })
    }

    fn restart<'a>(&'a mut self, replica: usize) -> Wait<'a, ()> {
        Box::pin(async move {
            let started = self.start_one(replica).await?;
            let process = self.processes.get_mut(replica).context("no such replica")?;
            *process = started;
            Ok(())
        })
    }

    fn revive<'a>(&'a mut self) -> Wait<'a, ()> {
        Box::pin(async move {
            for replica in 0..self.processes.len() {
                if self.processes[replica].child.id().is_none() {
                    self.restart(replica).await?;
                }
            }
            Ok(())
        })
    }

    /// A reservation ends with its window; the default window is a minute.
    fn hold_lifetime(&self) -> Duration {
        Duration::from_secs(5)
    }
}
