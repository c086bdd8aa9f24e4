//! Service: its ready addresses, from its EndpointSlices.
//!
//! On a machine of our own nobody makes EndpointSlices; there `externalName` and a written
//! `clusterIP` are taken for the address.

use std::net::IpAddr;

use tollgate_ir as ir;

use crate::base_url::parse_host;
use crate::status::{Problem, reason};
use crate::{NamespacedName, Options, World, k8s};

/// Label of an EndpointSlice that names its Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Where a port of a Service is.
pub(crate) fn destination(
    (world, options): (&World, &Options),
    name: &NamespacedName,
    port: Option<i32>,
    field: &str,
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
    let spec = service.spec.clone().unwrap_or_default();
    if spec.type_.as_deref() == Some("ExternalName") || spec.external_name.is_some() {
        return external_name(options, &spec, name, (port, field));
    }
    let ports = spec.ports.unwrap_or_default();
    let service_port = ports.iter().find(|it| it.port == port).ok_or_else(|| {
        Problem::new(
            reason::PORT_NOT_FOUND,
            format!("{field}.port: Service {name} has no port {port}"),
        )
    })?;
    let slices: Vec<&k8s::EndpointSlice> = slices(world, name).collect();
    let endpoints = if slices.is_empty() && options.standalone().is_some() {
        vec![cluster_ip(spec.cluster_ip.as_deref(), name, (port, field))?]
    } else {
        endpoints(&slices, service_port)
    };
    Ok(ir::Destination {
        endpoints,
        tls: None,
        protocol: protocol(service_port.app_protocol.as_deref()),
    })
}

/// Kubernetes' and Envoy Gateway's names of application protocols; the rest is HTTP/1.1.
pub(crate) fn protocol(app_protocol: Option<&str>) -> ir::UpstreamProtocol {
    match app_protocol {
        Some("kubernetes.io/h2c" | "gateway.envoyproxy.io/h2c" | "grpc") => {
            ir::UpstreamProtocol::Http2
        }
        Some(_) | None => ir::UpstreamProtocol::Http1,
    }
}

/// In a cluster an ExternalName reaches around ReferenceGrants and network policies, so it is
/// refused, as Envoy Gateway does; in a file it is the operator's own word.
fn external_name(
    options: &Options,
    spec: &k8s_openapi::api::core::v1::ServiceSpec,
    name: &NamespacedName,
    (port, field): (i32, &str),
) -> Result<ir::Destination, Problem> {
    if options.standalone().is_none() {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!(
                "{field}: Service {name} is of type ExternalName, which routes cannot use; use a Backend"
            ),
        ));
    }
    let external = spec.external_name.as_deref().unwrap_or_default();
    let host = parse_host(external).ok_or_else(|| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: Service {name}: spec.externalName {external:?} is not a host name"),
        )
    })?;
    Ok(ir::Destination {
        endpoints: vec![ir::Endpoint {
            host,
            port: to_port(port, field)?,
            draining: false,
        }],
        tls: None,
        protocol: ir::UpstreamProtocol::Http1,
    })
}

fn cluster_ip(
    address: Option<&str>,
    name: &NamespacedName,
    (port, field): (i32, &str),
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
        port: to_port(port, field)?,
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

fn slices<'a>(
    world: &'a World,
    service: &'a NamespacedName,
) -> impl Iterator<Item = &'a k8s::EndpointSlice> {
    world
        .endpoint_slices
        .iter()
        .filter_map(move |(name, slice)| {
            let label = slice.metadata.labels.as_ref()?.get(SERVICE_LABEL)?;
            (name.namespace == service.namespace && *label == service.name).then_some(slice)
        })
}

/// Ready addresses, and those that still finish what they have. Ports are matched by name, as
/// EndpointSlices name them after the Service's.
fn endpoints(slices: &[&k8s::EndpointSlice], service_port: &k8s::ServicePort) -> Vec<ir::Endpoint> {
    let wanted = (
        service_port.name.as_deref().unwrap_or_default(),
        service_port.protocol.as_deref().unwrap_or("TCP"),
    );
    let mut endpoints = Vec::new();
    for slice in slices {
        let port = slice.ports.iter().flatten().find(|port| {
            let actual = (
                port.name.as_deref().unwrap_or_default(),
                port.protocol.as_deref().unwrap_or("TCP"),
            );
            actual == wanted
        });
        let Some(port) = port.and_then(|port| u16::try_from(port.port?).ok()) else {
            continue;
        };
        for endpoint in slice.endpoints.iter().flatten() {
            let Some(draining) = draining(endpoint.conditions.as_ref()) else {
                continue;
            };
            endpoints.extend(endpoint.addresses.iter().filter_map(|address| {
                let host = parse_host(address)?;
                Some(ir::Endpoint {
                    host,
                    port,
                    draining,
                })
            }));
        }
    }
    endpoints.sort();
    endpoints.dedup();
    endpoints
}

/// Whether an endpoint drains; `None` takes nothing at all. Unset `ready` is ready.
fn draining(
    conditions: Option<&k8s_openapi::api::discovery::v1::EndpointConditions>,
) -> Option<bool> {
    let Some(conditions) = conditions else {
        return Some(false);
    };
    if conditions.ready.unwrap_or(true) {
        return Some(false);
    }
    let serves = conditions.serving.unwrap_or(false) && conditions.terminating.unwrap_or(false);
    serves.then_some(true)
}
