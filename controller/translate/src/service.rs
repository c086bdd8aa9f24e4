//! Service: its addresses, from its EndpointSlices, and how they are spoken to.
//!
//! On a machine of our own nobody makes EndpointSlices; there a written `clusterIP` is taken for
//! the address. An ExternalName is resolved by DNS in the proxy.

mod app_protocol;
mod endpoints;
mod external_name;

use std::net::IpAddr;

use tollgate_ir as ir;

use crate::backend_ref::Usage;
use crate::status::{Problem, reason};
use crate::{NamespacedName, Options, World, groups, k8s, names};
use app_protocol::AppProtocol;

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::CORE, "Service");

/// Where a port of a Service is, and how it is spoken to.
pub(crate) fn destination(
    (world, options): (&World, &Options),
    name: &NamespacedName,
    (port, field): (Option<i32>, &str),
    usage: Usage,
) -> Result<ir::Destination, Problem> {
    let service = world.services.get(name).ok_or_else(|| {
        Problem::new(
            reason::BACKEND_NOT_FOUND,
            format!("{field}: Service {name} does not exist"),
        )
    })?;
    let port = port.ok_or_else(|| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.port: a reference to a Service must name a port"),
        )
    })?;
    let number = to_port(port, field)?;
    let spec = service.spec.as_ref();
    let service_port = find_port(spec, port, usage);
    let external = spec.and_then(|spec| spec.external_name.as_deref());
    let is_external = spec.and_then(|spec| spec.type_.as_deref()) == Some("ExternalName");
    let endpoints = if is_external || external.is_some() {
        let host = external_name::host(options, external.unwrap_or_default());
        let host = host.map_err(|problem| problem.of(field, name))?;
        vec![ir::Endpoint {
            host,
            port: number,
            draining: false,
        }]
    } else {
        let service_port = service_port.ok_or_else(|| {
            Problem::new(
                reason::PORT_NOT_FOUND,
                format!("{field}.port: Service {name} has no port {port}"),
            )
        })?;
        let cluster_ip = spec.and_then(|spec| spec.cluster_ip.as_deref());
        let known = endpoints::of_port(world.slices_of(name), service_port);
        match known {
            Some(endpoints) => endpoints,
            None if options.standalone().is_some() => {
                vec![by_cluster_ip(cluster_ip, name, (number, field))?]
            }
            None => Vec::new(),
        }
    };
    let (tls, protocol) = speech(
        world,
        (name, service_port, is_external.then_some(&endpoints)),
        usage,
    )
    .map_err(|problem| problem.of(field, name))?;
    Ok(ir::Destination {
        name: names::service(name, number, usage),
        endpoints,
        tls,
        protocol,
    })
}

/// The port of that number; of two (one TCP, one UDP) the one that the usage needs.
fn find_port(
    spec: Option<&k8s::ServiceSpec>,
    port: i32,
    usage: Usage,
) -> Option<&k8s::ServicePort> {
    let wanted = match usage {
        Usage::Datagrams => "UDP",
        Usage::Http | Usage::Grpc | Usage::Terminated | Usage::Connections => "TCP",
    };
    let ports = || spec?.ports.as_ref()?.iter().find(|it| it.port == port);
    let ports_of_protocol = spec?
        .ports
        .iter()
        .flatten()
        .find(|it| it.port == port && it.protocol.as_deref().unwrap_or("TCP").eq(wanted));
    ports_of_protocol.or_else(ports)
}

/// TLS and protocol towards a port: what its BackendTLSPolicy says, and its `appProtocol`.
fn speech(
    world: &World,
    (name, port, external): (
        &NamespacedName,
        Option<&k8s::ServicePort>,
        Option<&Vec<ir::Endpoint>>,
    ),
    usage: Usage,
) -> Result<(Option<ir::UpstreamTls>, ir::UpstreamProtocol), Problem> {
    if matches!(usage, Usage::Connections | Usage::Datagrams) {
        return Ok((None, ir::UpstreamProtocol::Http1));
    }
    let section = port.and_then(|port| port.name.as_deref());
    let asked = AppProtocol::parse(port.and_then(|port| port.app_protocol.as_deref()));
    let policy = world.tls_policies().find(KIND, name, section)?;
    let tls = match (policy, external) {
        (Some(tls), _) => Some(tls),
        (None, Some(endpoints)) if asked.tls => endpoints
            .first()
            .map(|endpoint| external_name::tls(&endpoint.host)),
        (None, None) if asked.tls && usage != Usage::Terminated => {
            return Err(Problem::new(
                reason::UNSUPPORTED_PROTOCOL,
                format!(
                    "its port says appProtocol {:?}, and no BackendTLSPolicy says which certificate it shows",
                    port.and_then(|port| port.app_protocol.as_deref())
                        .unwrap_or_default()
                ),
            ));
        }
        (None, _) => None,
    };
    let protocol = match usage {
        Usage::Grpc => ir::UpstreamProtocol::Http2,
        _ => asked.protocol,
    };
    Ok((tls, protocol))
}

fn by_cluster_ip(
    address: Option<&str>,
    name: &NamespacedName,
    (port, field): (u16, &str),
) -> Result<ir::Endpoint, Problem> {
    let address: IpAddr = address.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Problem::new(
            reason::BACKEND_NOT_FOUND,
            format!(
                "{field}: Service {name} has no address here: without a cluster it needs an EndpointSlice, spec.externalName or spec.clusterIP"
            ),
        )
    })?;
    Ok(ir::Endpoint {
        host: ir::Host::Ip(address),
        port,
        draining: false,
    })
}

fn to_port(port: i32, field: &str) -> Result<u16, Problem> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| {
            Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}.port: {port} is not a port from 1 to 65535"),
            )
        })
}

// === impl Problem ===

impl Problem {
    /// The same of a Service, where `field` refers to it.
    fn of(self, field: &str, service: &NamespacedName) -> Self {
        Self::new(
            self.reason,
            format!("{field}: Service {service}: {}", self.message),
        )
    }
}
