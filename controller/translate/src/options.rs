//! What translation is told besides the objects: who we are, and where we run.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::BaseUrl;

/// The controller name of our own GatewayClass.
pub const CONTROLLER_NAME: &str = "gateway.tollgate.dev/gatewayclass-controller";

/// The controller name of Envoy Gateway's classes, which a file may bring unchanged.
pub(crate) const ENVOY_GATEWAY_CONTROLLER_NAME: &str =
    "gateway.envoyproxy.io/gatewayclass-controller";

/// Settings of a translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Classes with this `controllerName` are ours.
    pub controller_name: String,
    /// DNS domain of the cluster: `cluster.local`.
    pub cluster_domain: String,
    /// Where we run.
    pub mode: Mode,
}

/// Where we run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In a cluster, beside other controllers.
    Cluster,
    /// On one machine, from files; every object is ours.
    Standalone(Standalone),
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

// === impl Options ===

impl Options {
    /// The settings of a machine of our own, if this is one.
    pub(crate) fn standalone(&self) -> Option<&Standalone> {
        match &self.mode {
            Mode::Cluster => None,
            Mode::Standalone(standalone) => Some(standalone),
        }
    }
}
