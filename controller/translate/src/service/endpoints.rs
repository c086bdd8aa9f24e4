//! Addresses of a port of a Service, from all of its EndpointSlices.

use k8s_openapi::api::discovery::v1::EndpointConditions;
use tollgate_ir as ir;

use crate::base_url::parse_host;
use crate::k8s;

/// Ready addresses, and those that still finish what they have; `None` without any slice. Ports
/// are matched by name, as EndpointSlices name them after the Service's.
pub(super) fn of_port<'a>(
    slices: impl Iterator<Item = &'a k8s::EndpointSlice>,
    service_port: &k8s::ServicePort,
) -> Option<Vec<ir::Endpoint>> {
    let wanted = (
        service_port.name.as_deref().unwrap_or_default(),
        service_port.protocol.as_deref().unwrap_or("TCP"),
    );
    let mut endpoints: Option<Vec<ir::Endpoint>> = None;
    for slice in slices {
        let found = endpoints.get_or_insert_default();
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
            found.extend(endpoint.addresses.iter().filter_map(|address| {
                let host = parse_host(address)?;
                Some(ir::Endpoint {
                    host,
                    port,
                    draining,
                })
            }));
        }
    }
    let mut endpoints = endpoints?;
    // While an address moves between slices it may stand in both; one that is ready sorts first.
    endpoints.sort();
    endpoints.dedup_by(|b, a| (&a.host, a.port) == (&b.host, b.port));
    Some(endpoints)
}

/// Whether an endpoint drains; `None` takes nothing at all. Unset `ready` is ready.
fn draining(conditions: Option<&EndpointConditions>) -> Option<bool> {
    let Some(conditions) = conditions else {
        return Some(false);
    };
    if conditions.ready.unwrap_or(true) {
        return Some(false);
    }
    let serves = conditions.serving.unwrap_or(false) && conditions.terminating.unwrap_or(false);
    serves.then_some(true)
}
