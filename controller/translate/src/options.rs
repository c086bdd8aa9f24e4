//! What translation is told besides the objects: who we are, and where we run.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::BaseUrl;

/// The controller name of our own GatewayClass.
pub const CONTROLLER_NAME: &str = "gateway.tollgate.dev/gatewayclass-controller";

/// Namespace in which the chart installs the controller, unless it is told another.
const CONTROLLER_NAMESPACE: &str = "tollgate-system";

/// The controller name of Envoy Gateway's classes, which a file may bring unchanged.
pub(crate) const ENVOY_GATEWAY_CONTROLLER_NAME: &str =
    "gateway.envoyproxy.io/gatewayclass-controller";

/// Settings of a translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Classes with this `controllerName` are ours.
    pub controller_name: String,
    /// Classes with one of these are ours too, such as Envoy Gateway's on the day of a migration.
    pub claimed_names: Vec<String>,
    /// DNS domain of the cluster: `cluster.local`.
    pub cluster_domain: String,
    /// Where we run.
    pub mode: Mode,
}

/// Where we run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In a cluster, beside other controllers.
    Cluster(Cluster),
    /// On one machine, from files; every object is ours.
    Standalone(Standalone),
}

/// Settings of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Namespace of the controller.
    pub namespace: String,
    /// Where proxies run.
    pub placement: FleetPlacement,
    /// Whether proxies have a store for budgets in common.
    pub shared_store: bool,
}

/// In which namespace the proxies of a Gateway run. Those of all Gateways of a class
/// (`mergeGateways`) always run in the controller's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FleetPlacement {
    /// In that of the Gateway.
    #[default]
    GatewayNamespace,
    /// In that of the controller.
    ControllerNamespace,
}

/// Settings of a machine of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standalone {
    /// Port of the Gateway that is made when there is none.
    pub default_port: u16,
    /// Address that listeners bind.
    pub bind: IpAddr,
    /// Where a provider is, by the name of a compact route's backend, of its provider, or of a
    /// Backend; wins over what the objects say.
    pub provider_urls: BTreeMap<String, BaseUrl>,
}

/// Added to a privileged port where the proxy has no right to it, as Envoy Gateway does.
const PRIVILEGED_PORT_SHIFT: u16 = 10_000;
/// The first port that anybody may bind.
const UNPRIVILEGED_PORT_MIN: u16 = 1_024;

// === impl Cluster ===

impl Default for Cluster {
    fn default() -> Self {
        Self {
            namespace: CONTROLLER_NAMESPACE.to_string(),
            placement: FleetPlacement::default(),
            shared_store: true,
        }
    }
}

// === impl Options ===

impl Options {
    /// The port that a proxy binds for a port that clients use: in a cluster a Service stands
    /// between them, and the proxy runs without privileges.
    pub(crate) fn bind_port(&self, port: u16) -> u16 {
        match self.mode {
            Mode::Cluster(_) if port < UNPRIVILEGED_PORT_MIN => port + PRIVILEGED_PORT_SHIFT,
            Mode::Cluster(_) | Mode::Standalone(_) => port,
        }
    }

    /// The settings of a machine of our own, if this is one.
    pub(crate) fn standalone(&self) -> Option<&Standalone> {
        match &self.mode {
            Mode::Cluster(_) => None,
            Mode::Standalone(standalone) => Some(standalone),
        }
    }

    /// The settings of a cluster, if this is one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        match &self.mode {
            Mode::Cluster(cluster) => Some(cluster),
            Mode::Standalone(_) => None,
        }
    }
}
