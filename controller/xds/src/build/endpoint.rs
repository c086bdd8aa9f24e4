//! Endpoints and their groups.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{Address, HealthStatus};
use envoy::endpoint::{
    Endpoint, LbEndpoint, LocalityLbEndpoints, cluster_load_assignment::Policy,
    lb_endpoint::HostIdentifier,
};

use super::value::{socket_address, uint32};

/// Percent by which the ready part of a priority is multiplied before some of its traffic goes
/// to the next. Envoy's 140 sends traffic away when 29 % are draining; here one ready endpoint
/// keeps it all.
const OVERPROVISIONING_PERCENT: u32 = 1_000_000;

pub(super) fn needs_dns(endpoints: &[ir::Endpoint]) -> bool {
    endpoints
        .iter()
        .any(|endpoint| matches!(endpoint.host, ir::Host::Dns(_)))
}

/// An endpoint of a backend. Its host name becomes `Host` where a route rewrites that.
pub(super) fn build_endpoint(endpoint: &ir::Endpoint) -> LbEndpoint {
    let ir::Endpoint {
        host,
        port,
        draining,
    } = endpoint;
    let text = match host {
        ir::Host::Dns(name) => name.clone(),
        ir::Host::Ip(ip) => ip.to_string(),
    };
    let status = if *draining {
        HealthStatus::Draining
    } else {
        HealthStatus::Unknown
    };
    LbEndpoint {
        health_status: status.into(),
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(socket_address(&text, *port)),
            hostname: text,
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    }
}

/// An endpoint that is just an address.
pub(super) fn at(address: Address) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(address),
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    }
}

/// Equal endpoints, of the first priority.
pub(super) fn locality(lb_endpoints: Vec<LbEndpoint>) -> LocalityLbEndpoints {
    LocalityLbEndpoints {
        lb_endpoints,
        ..LocalityLbEndpoints::default()
    }
}

pub(super) fn build_policy() -> Policy {
    Policy {
        overprovisioning_factor: uint32(OVERPROVISIONING_PERCENT),
        ..Policy::default()
    }
}
