//! Two ends over TLS on this machine.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
    time,
};
use tollgate_ir::Gateway;
use tollgate_pki::{AUTHORITY_VALID_FOR, Authority, Identity, LEAF_VALID_FOR};

use crate::{
    Connection, FollowConfig, Following, GatewayIdentity, LinkServer, ProxySettings, Snapshot,
    TlsFiles, Version, follow,
};

/// Long enough for a loaded machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// An authority and a folder for files.
pub(super) struct Stage {
    pub(super) authority: Authority,
    pub(super) folder: TempDir,
}

/// A controller.
pub(super) struct Controller {
    pub(super) server: LinkServer,
    pub(super) port: u16,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// A proxy that follows.
pub(super) struct Proxy {
    pub(super) following: Following,
    task: JoinHandle<()>,
}

pub(super) fn authority() -> Authority {
    Authority::new("tollgate", AUTHORITY_VALID_FOR, SystemTime::now()).unwrap()
}

pub(super) fn identity() -> GatewayIdentity {
    GatewayIdentity::gateway("default", "eg").unwrap()
}

/// Writes the three files of an identity.
pub(super) fn write(folder: &Path, identity: &Identity) -> TlsFiles {
    std::fs::create_dir_all(folder).unwrap();
    let files = TlsFiles::in_folder(folder);
    std::fs::write(&files.certificate, &identity.chain_pem).unwrap();
    std::fs::write(&files.key, identity.key_pem.expose()).unwrap();
    std::fs::write(&files.ca, &identity.ca_pem).unwrap();
    files
}

/// Waits for a condition, for as long as a test may.
pub(super) async fn until<T: Clone>(
    watched: &mut watch::Receiver<T>,
    condition: impl FnMut(&T) -> bool,
) -> T {
    let found = time::timeout(DEADLINE, watched.wait_for(condition)).await;
    found
        .expect("in time")
        .expect("the other end lives")
        .clone()
}

// === impl Stage ===

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            authority: authority(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn server_identity(&self) -> Identity {
        let names = ["localhost".to_string()];
        let now = SystemTime::now();
        self.authority
            .issue_server(&names, LEAF_VALID_FOR, now)
            .unwrap()
    }

    pub(super) fn client_identity(&self, gateway: &GatewayIdentity) -> Identity {
        let (uri, now) = (gateway.uri(), SystemTime::now());
        self.authority
            .issue_client(&uri, LEAF_VALID_FOR, now)
            .unwrap()
    }

    /// A controller; its files stand in `folder` of the stage.
    pub(super) async fn controller(&self, folder: &str) -> Controller {
        let files = write(&self.folder.path().join(folder), &self.server_identity());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Controller::on(listener, files)
    }

    /// Who a proxy of `gateway` is; its files stand in `folder` of the stage.
    pub(super) fn config(&self, port: u16, folder: &str) -> FollowConfig {
        let gateway = identity();
        let certificate = self.client_identity(&gateway);
        FollowConfig {
            files: write(&self.folder.path().join(folder), &certificate),
            gateway,
            pod: folder.to_string(),
            controller: format!("https://localhost:{port}").parse().unwrap(),
        }
    }

    pub(super) fn proxy(&self, port: u16) -> Proxy {
        Proxy::new(self.config(port, "proxy"), None)
    }
}

// === impl Controller ===

impl Controller {
    pub(super) fn on(listener: TcpListener, files: TlsFiles) -> Self {
        let port = listener.local_addr().unwrap().port();
        let server = LinkServer::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.clone();
        let task = tokio::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            serving.serve(listener, files, shutdown).await.unwrap();
        });
        Self {
            server,
            port,
            stop: Some(stop),
            task,
        }
    }

    pub(super) fn publish(&self, gateway: Gateway) -> Version {
        let settings = ProxySettings::default();
        self.server
            .publish(&identity(), Arc::new(gateway), settings)
            .unwrap()
    }

    /// Waits for all proxies to be gone.
    pub(super) async fn is_alone(&self) {
        let mut progress = self.server.progress();
        until(&mut progress, |it| {
            let mut gateways = it.gateways.values();
            gateways.all(|it| it.connected().next().is_none())
        })
        .await;
    }

    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        time::timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

// === impl Proxy ===

impl Proxy {
    pub(super) fn new(config: FollowConfig, state: Option<Arc<Snapshot>>) -> Self {
        let (following, run) = follow(config, state);
        let task = tokio::spawn(run);
        Self { following, task }
    }

    /// Waits for a version.
    pub(super) async fn at(&mut self, version: Version) -> Arc<Snapshot> {
        let is_there =
            |it: &Option<Arc<Snapshot>>| it.as_ref().is_some_and(|it| it.version() == version);
        until(&mut self.following.state, is_there).await.unwrap()
    }

    pub(super) async fn connected(&mut self) {
        let connected = |it: &Connection| *it == Connection::Connected;
        until(&mut self.following.connection, connected).await;
    }

    /// Waits for the connection to fail, and says why.
    pub(super) async fn lost(&mut self) -> String {
        let lost = |it: &Connection| matches!(it, Connection::Lost { .. });
        match until(&mut self.following.connection, lost).await {
            Connection::Lost { reason } => reason,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
