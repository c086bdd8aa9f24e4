//! Backend (`gateway.envoyproxy.io`): an upstream given by host name or address.

use tollgate_crds::envoy_gateway::{
    AppProtocol, Backend, BackendEndpoint, BackendSpec, BackendTls, BackendType,
    WellKnownCaCertificates,
};
use tollgate_ir as ir;

use crate::base_url::parse_host;
use crate::ca_certificates::{self, CaReference};
use crate::status::{ACCEPTED, Condition, ObjectRef, Problem, Statuses, reason};
use crate::{NamespacedName, World, groups, names};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::ENVOY_GATEWAY, "Backend");

/// Says of every Backend whether it can be used.
pub(crate) fn report(world: &World, statuses: &mut Statuses) {
    for (name, backend) in &world.backends {
        let generation = backend.metadata.generation;
        let accepted = match build(world, name, backend) {
            Ok(_) => {
                let message = "the backend can be used";
                Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
            }
            Err(problem) => Condition::fails(ACCEPTED, &problem, generation),
        };
        let status = statuses.entry(ObjectRef::namespaced(KIND.0, KIND.1, name));
        status.conditions.push(accepted);
        status
            .conditions
            .extend(Condition::warning(&ignored(backend), generation));
    }
}

/// Where a Backend is. What a BackendTLSPolicy says of it stands in the place of its own
/// `spec.tls`.
pub(crate) fn destination(
    world: &World,
    name: &NamespacedName,
    field: &str,
) -> Result<ir::Destination, Problem> {
    let backend = world.backends.get(name).ok_or_else(|| {
        Problem::new(
            reason::BACKEND_NOT_FOUND,
            format!("{field}: Backend {name} does not exist"),
        )
    })?;
    let prefix = |problem: Problem| {
        Problem::new(
            problem.reason,
            format!("{field}: Backend {name}: {}", problem.message),
        )
    };
    let mut destination = build(world, name, backend).map_err(prefix)?;
    let section = port(&destination).map(|port| port.to_string());
    let policy = world.tls_policies().find(KIND, name, section.as_deref());
    if let Some(tls) = policy.map_err(prefix)? {
        destination.tls = Some(tls);
    }
    Ok(destination)
}

/// The port that all endpoints share: what a policy may select of a Backend.
fn port(destination: &ir::Destination) -> Option<u16> {
    let mut ports = destination.endpoints.iter().map(|endpoint| endpoint.port);
    let first = ports.next()?;
    ports.all(|port| port == first).then_some(first)
}

fn ignored(backend: &Backend) -> Vec<Problem> {
    let spec = &backend.spec;
    let mut fields = Vec::new();
    if spec.fallback == Some(true) {
        fields.push("spec.fallback".to_string());
    }
    if spec
        .endpoints
        .iter()
        .any(|endpoint| endpoint.zone.is_some())
    {
        fields.push("spec.endpoints[].zone".to_string());
    }
    let rest = spec.tls.iter().flat_map(|tls| tls.rest.keys());
    fields.extend(rest.map(|key| format!("spec.tls.{key}")));
    fields.into_iter().map(Problem::ignored).collect()
}

fn build(
    world: &World,
    name: &NamespacedName,
    backend: &Backend,
) -> Result<ir::Destination, Problem> {
    let BackendSpec {
        type_,
        endpoints,
        app_protocols,
        fallback: _,
        tls,
    } = &backend.spec;
    if *type_ == BackendType::DynamicResolver {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            "spec.type: DynamicResolver arrives with a later release",
        ));
    }
    let mut translated = endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| build_endpoint(index, endpoint))
        .collect::<Result<Vec<_>, _>>()?;
    if translated.is_empty() {
        return Err(Problem::new(
            reason::INVALID,
            "spec.endpoints: there is no endpoint",
        ));
    }
    let tls = match tls {
        Some(tls) => Some(build_tls(world, name, (tls, endpoints))?),
        None => None,
    };
    translated.sort();
    translated.dedup();
    Ok(ir::Destination {
        name: names::backend(name),
        endpoints: translated,
        tls,
        protocol: if app_protocols.contains(&AppProtocol::H2c) {
            ir::UpstreamProtocol::Http2
        } else {
            ir::UpstreamProtocol::Http1
        },
    })
}

fn build_endpoint(index: usize, endpoint: &BackendEndpoint) -> Result<ir::Endpoint, Problem> {
    let field = format!("spec.endpoints[{index}]");
    let (text, port) = match (&endpoint.fqdn, &endpoint.ip, &endpoint.unix) {
        (Some(fqdn), None, None) => (fqdn.hostname.trim_end_matches('.'), fqdn.port),
        (None, Some(ip), None) => (ip.address.as_str(), ip.port),
        (None, None, Some(_)) => {
            return Err(Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}.unix: sockets arrive with a later release"),
            ));
        }
        _ => {
            return Err(Problem::new(
                reason::INVALID,
                format!("{field}: exactly one of fqdn, ip and unix must be given"),
            ));
        }
    };
    let host = parse_host(text).filter(|_| port != 0).ok_or_else(|| {
        Problem::new(
            reason::INVALID,
            format!("{field}: {text:?} with port {port} is not a host name or address with a port"),
        )
    })?;
    Ok(ir::Endpoint {
        host,
        port,
        draining: false,
    })
}

fn build_tls(
    world: &World,
    name: &NamespacedName,
    (tls, endpoints): (&BackendTls, &[BackendEndpoint]),
) -> Result<ir::UpstreamTls, Problem> {
    if tls.client_certificate_ref.is_some() {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            "spec.tls.clientCertificateRef: client certificates arrive with a later release",
        ));
    }
    let ca = if tls.insecure_skip_verify {
        ir::TrustedCa::Insecure
    } else if !tls.ca_certificate_refs.is_empty() {
        ir::TrustedCa::Pem(ca_certificates(world, name, tls)?)
    } else if tls.well_known_ca_certificates == Some(WellKnownCaCertificates::System) {
        ir::TrustedCa::System
    } else {
        return Err(Problem::new(
            reason::INVALID,
            "spec.tls: one of caCertificateRefs, wellKnownCACertificates and insecureSkipVerify must be given",
        ));
    };
    Ok(ir::UpstreamTls {
        sni: server_name(tls, endpoints)?,
        ca,
        subject_alt_names: Vec::new(),
        client_certificate: None,
    })
}

/// The server name: as written, or the one host name that all endpoints share.
fn server_name(tls: &BackendTls, endpoints: &[BackendEndpoint]) -> Result<String, Problem> {
    if let Some(sni) = &tls.sni {
        return Ok(sni.clone());
    }
    let mut names: Vec<&str> = endpoints
        .iter()
        .filter_map(|endpoint| {
            let fqdn = endpoint.fqdn.as_ref().map(|fqdn| fqdn.hostname.as_str());
            endpoint.hostname.as_deref().or(fqdn)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [name] => Ok((*name).to_string()),
        [] if tls.insecure_skip_verify => Ok(String::new()),
        _ => Err(Problem::new(
            reason::INVALID,
            format!(
                "spec.tls.sni: needed, because the endpoints have {} host names",
                names.len()
            ),
        )),
    }
}

fn ca_certificates(
    world: &World,
    name: &NamespacedName,
    tls: &BackendTls,
) -> Result<String, Problem> {
    let mut pem = String::new();
    for (index, reference) in tls.ca_certificate_refs.iter().enumerate() {
        let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
        pem.push_str(&ca_certificates::bundle(
            world,
            CaReference {
                from: KIND,
                namespace: &name.namespace,
                group: reference.group.as_deref().unwrap_or(groups::CORE),
                kind: reference.kind.as_deref().unwrap_or("Secret"),
                target: &NamespacedName::new(namespace, &reference.name),
                field: &format!("spec.tls.caCertificateRefs[{index}]"),
            },
        )?);
    }
    Ok(pem)
}
