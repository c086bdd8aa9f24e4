//! A `tollgate run` process of a test.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::{
    Client,
    command::send_signal,
    engine::{MODULE_VARIABLE, built_module},
};

/// How to start a gateway.
#[derive(Debug)]
pub struct GatewayBuilder {
    binary: PathBuf,
    manifests: Option<String>,
    files: Vec<(String, String)>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

/// A running gateway. Killed when dropped; its logs are printed if the test is failing.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    folder: TempDir,
    output: Arc<Mutex<Vec<String>>>,
    url: String,
    admin_url: String,
}

/// Starting means starting Envoy too, on a machine that may be compiling something.
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// What the gateway prints when it serves, followed by its addresses.
const READY: &str = "ready ";
/// What Envoy says of a port that somebody else has.
const PORT_TAKEN: &str = "Address already in use";

// === impl GatewayBuilder ===

impl GatewayBuilder {
    /// A gateway of this binary (`env!("CARGO_BIN_EXE_tollgate")`).
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            manifests: None,
            files: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Serves these manifests, from one file that [`Gateway::rewrite`] can change.
    #[must_use]
    pub fn manifests(mut self, yaml: impl Into<String>) -> Self {
        self.manifests = Some(yaml.into());
        self
    }

    /// Serves a folder of manifests with this file in it; [`Gateway::write`] and
    /// [`Gateway::remove`] change the folder.
    #[must_use]
    pub fn file(mut self, name: &str, yaml: impl Into<String>) -> Self {
        self.files.push((name.to_string(), yaml.into()));
        self
    }

    /// A further argument of `tollgate run`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_string(), value.into()));
        self
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Errors
    ///
    /// It ended, or did not become ready in time; its logs are in the error.
    pub async fn start(self) -> Result<Gateway> {
        let folder = tempfile::tempdir().context("make a folder")?;
        // Envoy listens on it a moment after Tollgate has looked whether it is free.
        let port = tollgate_ports::free_port().context("find a free port")?;
        let mut command = Command::new(&self.binary);
        command
            .arg("run")
            .args(["--port", &port.to_string()])
            .args(["--admin-port", "0", "--log-format", "json"])
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for name in PROVIDER_VARIABLES {
            command.env_remove(name);
        }
        command.envs(built_module(&self.binary).map(|path| (MODULE_VARIABLE, path)));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(yaml) = &self.manifests {
            let path = manifest_path(folder.path());
            std::fs::write(&path, yaml).context("write the manifests")?;
            command.arg(path);
        }
        if !self.files.is_empty() {
            let manifests = manifest_folder(folder.path());
            std::fs::create_dir(&manifests).context("make the folder of manifests")?;
            for (name, yaml) in &self.files {
                std::fs::write(manifests.join(name), yaml).context("write the manifests")?;
            }
            command.arg(manifests);
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let (tell, mut ready) = watch::channel(None);
        let stdout = child.stdout.take().context("stdout")?;
        let stderr = child.stderr.take().context("stderr")?;
        tokio::spawn(collect(stdout, Arc::clone(&output), tell.clone()));
        tokio::spawn(collect(stderr, Arc::clone(&output), tell));

        let line = tokio::time::timeout(START_PATIENCE, ready.wait_for(Option::is_some)).await;
        let line = match line {
            Ok(Ok(line)) => line.clone().unwrap_or_default(),
            Ok(Err(_)) => return Err(failed("the gateway ended before it was ready", &output)),
            Err(_) => return Err(failed("the gateway did not become ready", &output)),
        };
        if !line.starts_with(READY) {
            return Err(failed(PORT_TAKEN, &output));
        }
        let mut urls = line
            .split([' ', '(', ')'])
            .filter(|word| word.starts_with("http://"));
        let url = urls.next().context("the ready line names no address")?;
        let admin_url = urls
            .next()
            .context("the ready line names no admin address")?;
        Ok(Gateway {
            url: url.trim_end_matches("/v1").to_string(),
            admin_url: admin_url.to_string(),
            child,
            folder,
            output,
        })
    }
}

// === impl Gateway ===

impl Gateway {
    /// Address without a path: `http://127.0.0.1:1975`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Address of the admin endpoint.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// A client with this key.
    pub fn client(&self, key: Option<&str>) -> Client {
        Client::new(&self.url, key)
    }

    /// A client of the admin endpoint.
    pub fn admin(&self) -> Client {
        Client::new(&self.admin_url, None)
    }

    /// Replaces the manifests, as an editor would: a new file renamed over the old.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn rewrite(&self, yaml: &str) -> Result<()> {
        self.replace(&manifest_path(self.folder.path()), yaml)
    }

    /// Adds or replaces a file of the folder of manifests, as an editor would.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, name: &str, yaml: &str) -> Result<()> {
        self.replace(&manifest_folder(self.folder.path()).join(name), yaml)
    }

    /// Deletes a file of the folder of manifests.
    ///
    /// # Errors
    ///
    /// The file cannot be deleted.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = manifest_folder(self.folder.path()).join(name);
        std::fs::remove_file(&path).with_context(|| format!("delete {}", path.display()))
    }

    fn replace(&self, path: &Path, yaml: &str) -> Result<()> {
        let draft = self.folder.path().join(".draft");
        std::fs::write(&draft, yaml).context("write the new manifests")?;
        std::fs::rename(&draft, path).context("put the new manifests in place")
    }

    /// All lines printed so far.
    pub fn output(&self) -> String {
        self.output
            .lock()
            .map(|lines| lines.join("\n"))
            .unwrap_or_default()
    }

    /// The access log: one JSON object for each LLM call that has ended.
    pub fn calls(&self) -> Vec<Value> {
        let output = self.output();
        let lines = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["target"] == "access").collect()
    }

    /// What `/status` of the admin endpoint says.
    ///
    /// # Errors
    ///
    /// It does not answer in JSON.
    pub async fn status(&self) -> Result<Value> {
        let text = self
            .admin()
            .get("/status")
            .await?
            .text()
            .await
            .context("read /status")?;
        serde_json::from_str(&text).with_context(|| format!("parse {text:?}"))
    }

    /// Process id and command line of its Envoy.
    ///
    /// # Errors
    ///
    /// It has none.
    pub fn envoy(&self) -> Result<(u32, Vec<String>)> {
        let pid = self.pid().context("the gateway has ended")?;
        crate::command::children(pid)?
            .into_iter()
            .find(|(_, line)| line.iter().any(|word| word == "--config-path"))
            .context("the gateway has no Envoy")
    }

    /// Process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    ///
    /// It did not end in time.
    pub async fn stop(mut self) -> Result<(ExitStatus, String)> {
        self.terminate().await?;
        let status = self.wait().await?;
        Ok((status, self.output()))
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub async fn terminate(&self) -> Result<()> {
        self.signal("-TERM").await
    }

    /// Sends SIGINT, as Ctrl-C does.
    ///
    /// # Errors
    ///
    /// The signal could not be sent.
    pub async fn interrupt(&self) -> Result<()> {
        self.signal("-INT").await
    }

    /// Kills it as `kill -9` does. Its Envoy ends with it.
    ///
    /// # Errors
    ///
    /// It had ended.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("kill the gateway")
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.child.id().context("the gateway has ended")?;
        send_signal(signal, pid).await
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    ///
    /// It did not end in time.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        tokio::time::timeout(STOP_PATIENCE, self.child.wait())
            .await
            .map_err(|_| failed("the gateway did not stop", &self.output))?
            .context("wait for the gateway")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show(&self.output());
        }
    }
}

/// A key in the developer's own environment must not reach a test.
pub(crate) const PROVIDER_VARIABLES: [&str; 7] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_API_KEY",
    "OPENAI_API_VERSION",
    "OPENAI_BASE_URL",
];

fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("manifests.yaml")
}

fn manifest_folder(folder: &Path) -> PathBuf {
    folder.join("manifests")
}

async fn collect(
    stream: impl AsyncRead + Unpin,
    output: Arc<Mutex<Vec<String>>>,
    decisive: watch::Sender<Option<String>>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let is_decisive = line.starts_with(READY) || line.contains(PORT_TAKEN);
        if is_decisive && decisive.borrow().is_none() {
            decisive.send_replace(Some(line.clone()));
        }
        if let Ok(mut output) = output.lock() {
            output.push(line);
        }
    }
}

fn failed(what: &str, output: &Mutex<Vec<String>>) -> anyhow::Error {
    let lines = output
        .lock()
        .map(|lines| lines.join("\n"))
        .unwrap_or_default();
    anyhow!("{what}; it printed:\n{lines}")
}

#[expect(
    clippy::print_stderr,
    reason = "a failing test shows the logs of its gateway"
)]
fn show(output: &str) {
    eprintln!("---- output of the gateway\n{output}\n----");
}
