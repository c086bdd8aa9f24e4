//! A `redis-server` of a test, on a socket or a port of its own; killed when dropped.

use std::{
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) enum Listen {
    Socket(PathBuf),
    Port(u16),
    TlsPort(u16),
}

/// A running server.
pub(crate) struct Server {
    child: Option<Child>,
    folder: TempDir,
    listen: Listen,
    args: Vec<String>,
}

/// A port of this test's own.
pub(crate) fn free_port() -> u16 {
    tollgate_ports::free_port().expect("a free port")
}

// === impl Server ===

impl Server {
    /// On a Unix socket.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// On a Unix socket, with further arguments.
    pub(crate) fn start_with(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = Listen::Socket(folder.path().join("redis.sock"));
        Self::start_in(folder, listen, args)
    }

    /// On a TCP port, with further arguments.
    pub(crate) fn start_on_port(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::start_in(folder, Listen::Port(free_port()), args)
    }

    pub(crate) fn start_in(folder: TempDir, listen: Listen, args: &[&str]) -> Self {
        let mut server = Self {
            child: None,
            folder,
            listen,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        };
        server.start_again();
        server
    }

    /// After [`Server::kill`]: the same place, empty.
    pub(crate) fn start_again(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut command = Command::new("redis-server");
        if self.args.iter().any(|arg| arg == "--sentinel") {
            command.arg(self.folder.path().join("sentinel.conf"));
        }
        match &self.listen {
            Listen::Socket(path) => {
                command.args(["--port", "0", "--unixsocket"]).arg(path);
            }
            Listen::Port(port) => {
                command.arg("--port").arg(port.to_string());
            }
            Listen::TlsPort(port) => {
                command.args(["--port", "0", "--tls-port"]);
                command.arg(port.to_string());
            }
        }
        if !self.args.iter().any(|arg| arg == "--sentinel") {
            command.args(["--save", "", "--appendonly", "no"]);
        }
        command
            .args(["--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path())
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap_or_else(|error| {
            panic!(
                "redis-server does not start ({error}): run `make test-deps` (Debian: apt-get \
                 install redis-server)"
            )
        }));
        let begun = Instant::now();
        while !self.listens() {
            assert!(begun.elapsed() < PATIENCE, "redis-server: {}", self.log());
            sleep(Duration::from_millis(2));
        }
    }

    fn listens(&self) -> bool {
        match &self.listen {
            Listen::Socket(path) => UnixStream::connect(path).is_ok(),
            Listen::Port(port) | Listen::TlsPort(port) => {
                TcpStream::connect(("127.0.0.1", *port)).is_ok()
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        match self.listen {
            Listen::Port(port) | Listen::TlsPort(port) => port,
            Listen::Socket(_) => panic!("it has a socket"),
        }
    }

    /// Its URL; without user and password.
    pub(crate) fn url(&self) -> String {
        match &self.listen {
            Listen::Socket(path) => format!("unix://{}", path.display()),
            Listen::Port(port) => format!("redis://127.0.0.1:{port}"),
            Listen::TlsPort(port) => format!("rediss://localhost:{port}"),
        }
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
        if let Listen::Socket(path) = &self.listen {
            std::fs::remove_file(path).ok();
        }
    }

    /// Stops the process where it stands (`-STOP`), or lets it go on (`-CONT`).
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.expect("kill runs").success());
    }

    /// What `redis-cli` says.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.arg("-e");
        match &self.listen {
            Listen::Socket(path) => command.arg("-s").arg(path),
            Listen::Port(port) | Listen::TlsPort(port) => command.arg("-p").arg(port.to_string()),
        };
        let output = command.args(words).output().expect("redis-cli runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(
            output.status.success(),
            "{words:?}: {text} {} {}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
