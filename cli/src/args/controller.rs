//! The options of `tollgate controller`. Each has an environment variable, for the chart.

use std::{net::SocketAddr, path::PathBuf};

use clap::ValueEnum;
use tollgate_translate::CONTROLLER_NAME;

use super::{EndpointArgs, LogArgs, StoreArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct ControllerArgs {
    /// Namespace that this controller runs in: its lease and its certificates are there.
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE")]
    pub(crate) namespace: String,

    /// Name of this replica, told in the lease.
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub(crate) pod: String,

    /// Classes with this spec.controllerName are ours. Say it again for a further name, such as
    /// gateway.envoyproxy.io/gatewayclass-controller to take over from Envoy Gateway.
    #[arg(
        long,
        value_name = "NAME",
        default_value = CONTROLLER_NAME,
        value_delimiter = ',',
        env = "TOLLGATE_CONTROLLER_NAMES"
    )]
    pub(crate) controller_name: Vec<String>,

    /// Read objects of this namespace only. Say it again for a further one.
    #[arg(
        long,
        value_name = "NAMESPACE",
        value_delimiter = ',',
        env = "TOLLGATE_WATCH_NAMESPACES",
        conflicts_with = "watch_namespace_selector"
    )]
    pub(crate) watch_namespace: Vec<String>,

    /// Read objects of namespaces with these labels only: team=a,stage in (test, prod)
    #[arg(
        long,
        value_name = "SELECTOR",
        env = "TOLLGATE_WATCH_NAMESPACE_SELECTOR"
    )]
    pub(crate) watch_namespace_selector: Option<String>,

    /// Where proxies ask for their configuration, over mutual TLS.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:18000",
        env = "TOLLGATE_LINK_BIND"
    )]
    pub(crate) link_bind: SocketAddr,

    /// Where proxies reach this controller. Without it, the Service tollgate-controller of
    /// --namespace.
    #[arg(long, value_name = "URL", env = "TOLLGATE_LINK_URL")]
    pub(crate) link_url: Option<String>,

    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,

    /// Folder with tls.crt, tls.key and ca.crt, as `tollgate certgen` makes them.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/etc/tollgate/certs",
        env = "TOLLGATE_CERTS"
    )]
    pub(crate) certs: PathBuf,

    /// Secret of --namespace with the authority that signs the certificates of proxies.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "tollgate-ca",
        env = "TOLLGATE_CA_SECRET"
    )]
    pub(crate) ca_secret: String,

    /// Image that proxies run, unless an EnvoyProxy names another.
    #[arg(long, value_name = "IMAGE", env = "TOLLGATE_PROXY_IMAGE")]
    pub(crate) proxy_image: String,

    /// When that image is pulled.
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "IfNotPresent",
        env = "TOLLGATE_PROXY_IMAGE_PULL_POLICY"
    )]
    pub(crate) proxy_image_pull_policy: String,

    /// Namespace in which the proxies of a Gateway run.
    #[arg(
        long,
        value_enum,
        default_value_t = DeploymentMode::GatewayNamespace,
        env = "TOLLGATE_DEPLOYMENT_MODE"
    )]
    pub(crate) deployment_mode: DeploymentMode,

    /// DNS domain of the cluster.
    #[arg(
        long,
        value_name = "DOMAIN",
        default_value = "cluster.local",
        env = "TOLLGATE_CLUSTER_DOMAIN"
    )]
    pub(crate) cluster_domain: String,

    /// Serve without holding the lease of the leader: nothing is written to the cluster.
    #[arg(long, default_value_t = false, env = "TOLLGATE_READ_ONLY")]
    pub(crate) read_only: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Where proxies run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeploymentMode {
    /// In the namespace of their Gateway.
    GatewayNamespace,
    /// In the namespace of the controller.
    ControllerNamespace,
}
