//! A real Envoy, configured by this crate's own server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tollgate_ir as ir;
use tollgate_xds::{
    Admin, BootstrapOptions, BuildOptions, EngineHost, Progress, Rejection, Resources, Snapshot,
    bootstrap_of, build, serve,
};

/// Longest wait for anything in a test; a loaded machine starts Envoy in seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where Envoy's binary is: `ENVOY_BIN`, else the place that `tollgate` downloads it to.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY_BIN") {
        return PathBuf::from(path);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .expect("neither XDG_CACHE_HOME nor HOME is set");
    let path = cache.join("tollgate/envoy/1.40.0/envoy");
    assert!(
        path.exists(),
        "these tests need Envoy 1.40: set ENVOY_BIN, or put the binary at {}",
        path.display()
    );
    path
}

/// A running Envoy. Killed, with its files, when dropped; its log is shown when a test fails.
pub(crate) struct Envoy {
    directory: TempDir,
    snapshots: watch::Sender<Arc<Snapshot>>,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) options: BuildOptions,
    server: (oneshot::Sender<()>, JoinHandle<()>),
    _process: Child,
}

impl Envoy {
    /// Starts Envoy with this configuration and waits until it has accepted it.
    pub(crate) async fn start(gateway: &ir::Gateway) -> Self {
        Self::start_with(gateway, |_| ()).await
    }

    pub(crate) async fn start_with(
        gateway: &ir::Gateway,
        adjust: impl FnOnce(&mut BuildOptions),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = BuildOptions::new(directory.path().join("extproc.sock"));
        adjust(&mut options);
        let xds_socket = directory.path().join("xds/xds.sock");
        let (snapshots, receiver) =
            watch::channel(Arc::new(Snapshot::new(&build(gateway, &options))));
        let (sender, progress) = watch::channel(Progress::default());
        let path = xds_socket.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
            };
            serve(&path, receiver, sender, shutdown).await.unwrap();
        });
        let options_of_start = BootstrapOptions {
            node_id: "test".to_string(),
            node_cluster: "default/gw".to_string(),
            xds_socket,
            admin: Admin::Socket(directory.path().join("admin.sock")),
            connections_max: 1000,
        };
        let config = bootstrap_of(&options_of_start, &gateway.bootstrap).unwrap();
        let process = spawn(directory.path(), &config);
        let mut envoy = Self {
            directory,
            snapshots,
            progress,
            options,
            server: (stop, server),
            _process: process,
        };
        envoy.wait_live().await;
        for listener in &gateway.listeners {
            if !matches!(listener.traffic, ir::Traffic::Udp(_)) {
                wait_for_port(listener.bind_port).await;
            }
        }
        envoy
    }

    /// Where Envoy looks for the ext_proc service.
    pub(crate) fn extproc_socket(&self) -> PathBuf {
        match &self.options.engine {
            EngineHost::ExtProc(service) => service.socket.clone(),
            EngineHost::InEnvoy(_) => panic!("no ext_proc service"),
        }
    }

    /// Sends another configuration, without waiting; returns its version.
    pub(crate) fn send(&self, gateway: &ir::Gateway) -> String {
        self.send_resources(&build(gateway, &self.options))
    }

    /// Sends resources, without waiting; returns their version.
    pub(crate) fn send_resources(&self, resources: &Resources) -> String {
        let snapshot = self.snapshots.borrow().update(resources);
        let version = snapshot.version().to_string();
        self.snapshots.send(Arc::new(snapshot)).unwrap();
        version
    }

    /// Waits until Envoy has refused something.
    pub(crate) async fn wait_rejection(&self) -> Rejection {
        let mut progress = self.progress.clone();
        let wait = progress.wait_for(|progress| progress.rejection.is_some());
        let progress = tokio::time::timeout(PATIENCE, wait).await.unwrap();
        progress.unwrap().rejection.clone().unwrap()
    }

    /// What is sent for a configuration.
    pub(crate) fn snapshot(&self, gateway: &ir::Gateway) -> Snapshot {
        Snapshot::new(&build(gateway, &self.options))
    }

    /// Waits until Envoy has accepted the newest configuration whole.
    pub(crate) async fn wait_live(&mut self) {
        let version = self.snapshots.borrow().version().to_string();
        let refused = |progress: &Progress| {
            let rejection = progress.rejection.clone();
            rejection.filter(|rejection| rejection.version == version)
        };
        let mut progress = self.progress.clone();
        let wait = progress.wait_for(|progress| {
            refused(progress).is_some() || progress.live.as_deref() == Some(&version)
        });
        let progress = match tokio::time::timeout(PATIENCE, wait).await {
            Ok(progress) => progress.unwrap().clone(),
            Err(_) => panic!("{version} not live: {:?}", self.progress.borrow()),
        };
        assert_eq!(refused(&progress), None, "{}", self.log());
    }

    /// Stops the xDS server; returns when it has stopped.
    pub(crate) async fn stop_server(&mut self) {
        let (stop, server) = &mut self.server;
        *stop = oneshot::channel().0;
        tokio::time::timeout(PATIENCE, server)
            .await
            .unwrap()
            .unwrap();
    }

    /// What the admin interface answers.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let socket = self.directory.path().join("admin.sock");
        let mut socket = tokio::net::UnixStream::connect(socket).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("envoy.log")).unwrap_or_default()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("envoy's log:\n{}", self.log());
        }
    }
}

fn spawn(directory: &Path, config: &Value) -> Child {
    let path = directory.join("envoy.json");
    std::fs::write(&path, config.to_string()).unwrap();
    let log = std::fs::File::create(directory.join("envoy.log")).unwrap();
    Command::new(binary())
        .arg("--config-path")
        .arg(path)
        .args(["--use-dynamic-base-id", "--concurrency", "1"])
        .args(["--file-flush-interval-msec", "20"])
        .args([
            "--log-level",
            &std::env::var("ENVOY_LOG").unwrap_or("warning".into()),
        ])
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Envoy has accepted a listener a moment before its workers listen.
async fn wait_for_port(port: u16) {
    let connect = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, connect).await.unwrap();
}

/// A port of this test's own.
pub(crate) fn free_port() -> u16 {
    tollgate_ports::free_port().unwrap()
}
