//! A `redis-server` of a test: on a free port, with a folder of its own, ended with the test.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{command::send_signal, eventually_within};

const START_PATIENCE: Duration = Duration::from_secs(10);
/// Longest run of one command.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);

/// A running Redis. It keeps its port over [`RedisServer::kill`] and [`RedisServer::start_again`].
#[derive(Debug)]
pub struct RedisServer {
    child: Option<Child>,
    folder: TempDir,
    address: SocketAddr,
    clock: Option<PathBuf>,
}

/// Where Debian's package `libfaketime` puts its library.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// The allocator of glibc as a library of its own (part of Debian's `libc6`).
const GLIBC_MALLOC: &str = "/lib/x86_64-linux-gnu/libc_malloc_debug.so.0";

/// The library that gives a process another clock, if it is installed (Debian: `faketime`).
pub fn faketime() -> Option<&'static Path> {
    let path = Path::new(FAKETIME);
    path.exists().then_some(path)
}

/// Variables that shift a process' clock by what stands in `file` (`+30.5s`), which is read again
/// at each look at the clock. Waiting takes as long as ever.
pub fn faketime_variables(file: &Path) -> Vec<(OsString, OsString)> {
    let Some(library) = faketime() else {
        return Vec::new();
    };
    [
        ("LD_PRELOAD", library.as_os_str()),
        ("FAKETIME_TIMESTAMP_FILE", file.as_os_str()),
        ("FAKETIME_NO_CACHE", "1".as_ref()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".as_ref()),
        ("FAKETIME_DONT_RESET", "1".as_ref()),
        ("TZ", "UTC".as_ref()),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .to_vec()
}

// === impl RedisServer ===

impl RedisServer {
    /// Starts one that is empty and saves nothing by itself.
    ///
    /// # Errors
    ///
    /// There is no `redis-server` (Debian: `redis-server`), or it did not answer in time.
    pub async fn start() -> Result<Self> {
        Self::start_with(None).await
    }

    /// Starts one whose clock is shifted (`+30.5s`); [`RedisServer::set_clock`] shifts it anew.
    ///
    /// # Errors
    ///
    /// There is no libfaketime, or Redis did not start.
    pub async fn start_with_clock(clock: &str) -> Result<Self> {
        ensure!(
            faketime().is_some(),
            "no {FAKETIME}: install Debian's faketime"
        );
        Self::start_with(Some(clock)).await
    }

    async fn start_with(clock: Option<&str>) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a folder")?;
        let port = tollgate_ports::free_port().context("find a free port")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let clock_file = clock.map(|_| folder.path().join("clock"));
        let mut server = Self {
            child: None,
            folder,
            address,
            clock: clock_file,
        };
        if let Some(clock) = clock {
            server.set_clock(clock)?;
        }
        server.start_again().await?;
        Ok(server)
    }

    /// Starts it after [`RedisServer::kill`], with what was last saved, if anything.
    ///
    /// # Errors
    ///
    /// It did not answer in time.
    pub async fn start_again(&mut self) -> Result<()> {
        let log = std::fs::File::create(self.folder.path().join("log")).context("make a log")?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port"])
            .arg(self.address.port().to_string())
            .arg("--dir")
            .arg(self.folder.path())
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(clock) = &self.clock {
            command.envs(faketime_variables(clock));
            // Debian's Redis allocates with jemalloc, which asks for the time before the other
            // clock is ready; glibc's own allocator does not.
            command.env("LD_PRELOAD", format!("{GLIBC_MALLOC}:{FAKETIME}"));
        }
        let child = command
            .spawn()
            .context("start redis-server (Debian: apt-get install redis-server)")?;
        self.child = Some(child);
        let address = self.address;
        eventually_within(START_PATIENCE, "Redis listens", async || {
            TcpStream::connect(address).await.ok()
        })
        .await?;
        ensure!(
            self.command(&["PING"]).await?.trim() == "PONG",
            "Redis does not answer PING"
        );
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://…` of its address.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills it as `kill -9` does; what is not saved is lost.
    ///
    /// # Errors
    ///
    /// It did not end.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await.context("kill redis-server")?;
        }
        Ok(())
    }

    /// Stops the process where it stands, connections open (SIGSTOP).
    ///
    /// # Errors
    ///
    /// It does not run.
    pub async fn freeze(&self) -> Result<()> {
        send_signal("-STOP", self.pid()?).await
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// It does not run.
    pub async fn thaw(&self) -> Result<()> {
        send_signal("-CONT", self.pid()?).await
    }

    /// Shifts the clock of one that was started with a clock: by so much from the machine's.
    ///
    /// # Errors
    ///
    /// It has the machine's clock.
    pub fn set_clock(&self, clock: &str) -> Result<()> {
        let file = self
            .clock
            .as_ref()
            .context("this Redis has the machine's clock")?;
        let draft = file.with_extension("draft");
        std::fs::write(&draft, format!("{clock}\n")).context("write the clock")?;
        std::fs::rename(&draft, file).context("put the clock in place")
    }

    /// What `redis-cli` says to a command.
    ///
    /// # Errors
    ///
    /// It could not be run, or Redis answered with an error.
    pub async fn command(&self, words: &[&str]) -> Result<String> {
        let running = Command::new("redis-cli")
            .args(["-e", "-p", &self.address.port().to_string()])
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(COMMAND_PATIENCE, running)
            .await
            .with_context(|| format!("{words:?} took longer than {COMMAND_PATIENCE:?}"))?
            .context("run redis-cli (Debian: redis-tools)")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{words:?} failed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    fn pid(&self) -> Result<u32> {
        self.child
            .as_ref()
            .and_then(Child::id)
            .context("Redis does not run")
    }
}
