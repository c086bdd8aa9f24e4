//! The way to the API server: one client for calls, one for watches, each with the timeouts that
//! its use needs.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::metrics::Metrics;
use crate::watch::{Snapshots, WatchOptions};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may be without an answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a watch may be silent. Each is asked for 60 s only, so that a longer silence is a
/// dead connection.
const WATCH_SILENCE_MAX: Duration = Duration::from_secs(75);

/// Where the API server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// A kubeconfig; `None`: the pod's own service account, or else `KUBECONFIG` and
    /// `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
}

/// A cluster that can be reached. Cheap to copy.
#[derive(Clone)]
pub struct Cluster {
    calls: Client,
    watches: Client,
}

/// Why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read.
    #[error("the kubeconfig {path} cannot be used")]
    Kubeconfig {
        /// As told.
        path: String,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// Neither a pod's service account nor a kubeconfig.
    #[error(
        "no API server is known: this is not a pod with a service account, and no kubeconfig can be read"
    )]
    Unknown(#[source] kube::config::InferConfigError),
    /// The settings give no client: certificates, credentials.
    #[error("the settings of the API server at {url} cannot be used")]
    Client {
        /// Address of the API server.
        url: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// It does not answer.
    #[error("the API server at {url} does not answer")]
    Unreachable {
        /// Address of the API server.
        url: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

// === impl Cluster ===

impl Cluster {
    /// Finds the API server and asks for its version.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let config = config(options).await?;
        let url = config.cluster_url.to_string();
        let make = |read_timeout| {
            let mut config = config.clone();
            config.read_timeout = Some(read_timeout);
            Client::try_from(config).map_err(|source| ConnectError::Client {
                url: url.clone(),
                source: Box::new(source),
            })
        };
        let cluster = Self {
            calls: make(CALL_TIMEOUT)?,
            watches: make(WATCH_SILENCE_MAX)?,
        };
        let version = cluster.calls.apiserver_version().await;
        let version = version.map_err(|source| ConnectError::Unreachable {
            url: url.clone(),
            source: Box::new(source),
        })?;
        tracing::info!(url, version = version.git_version, "API server");
        Ok(cluster)
    }

    /// Begins to watch every kind that Tollgate reads.
    pub fn follow(&self, options: WatchOptions, metrics: Metrics) -> Snapshots {
        Snapshots::start(self, options, metrics)
    }

    /// The client for calls.
    pub fn client(&self) -> Client {
        self.calls.clone()
    }

    /// The client for watches.
    pub(crate) fn watch_client(&self) -> Client {
        self.watches.clone()
    }
}

async fn config(options: &ConnectOptions) -> Result<Config, ConnectError> {
    let mut config = match &options.kubeconfig {
        Some(path) => {
            let wrap = |source| ConnectError::Kubeconfig {
                path: path.display().to_string(),
                source,
            };
            let kubeconfig = Kubeconfig::read_from(path).map_err(wrap)?;
            let default = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &default).await;
            config.map_err(wrap)?
        }
        None => match Config::incluster() {
            Ok(config) => config,
            Err(_) => Config::infer().await.map_err(ConnectError::Unknown)?,
        },
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.write_timeout = Some(CALL_TIMEOUT);
    // Every caller has its own way to try again.
    config.default_retry = false;
    Ok(config)
}
