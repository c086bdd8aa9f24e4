//! Services that telemetry is sent to: references, which follow the rules of all references to
//! backends, or a host name and a port.

use tollgate_crds::envoy_gateway::envoy_proxy::{SinkBackendRef, SinkCluster, SinkHeader};
use tollgate_ir as ir;

use super::Site;
use crate::backend_ref::{self, BackendRef, Referrer, Usage};
use crate::base_url::parse_host;
use crate::groups;
use crate::status::{Problem, reason};

/// Group and kind of those who refer, as grants name it.
const KIND: (&str, &str) = (groups::ENVOY_GATEWAY, "EnvoyProxy");
/// Where collectors of OpenTelemetry take gRPC.
const OTLP_PORT: i32 = 4317;

/// A service as it is written.
pub(super) struct Receiving<'a> {
    /// Path of the object that has these fields.
    pub(super) field: &'a str,
    pub(super) cluster: &'a SinkCluster,
    pub(super) host: Option<&'a str>,
    pub(super) port: Option<i32>,
    pub(super) headers: &'a [SinkHeader],
    /// What is spoken there.
    pub(super) usage: Usage,
}

/// The service, reached by a cluster of this name. References that lead nowhere are told, and the
/// others are used.
///
/// # Errors
/// When nothing can be reached.
pub(super) fn receiver(
    site: Site<'_>,
    cluster: &str,
    receiving: &Receiving<'_>,
    problems: &mut Vec<Problem>,
) -> Result<ir::Receiver, Problem> {
    let headers = receiving.headers.iter();
    Ok(ir::Receiver {
        cluster: cluster.to_string(),
        // Its cluster is its own, so that it shares nothing.
        destination: ir::Destination {
            name: String::new(),
            ..destination(site, receiving, problems)?
        },
        headers: headers
            .map(|it| (it.name.to_ascii_lowercase(), it.value.clone().into()))
            .collect(),
    })
}

/// Where the service is.
///
/// # Errors
/// When nothing can be reached.
pub(super) fn destination(
    site: Site<'_>,
    receiving: &Receiving<'_>,
    problems: &mut Vec<Problem>,
) -> Result<ir::Destination, Problem> {
    let SinkCluster {
        backend_ref,
        backend_refs,
        backend_settings,
    } = receiving.cluster;
    let field = receiving.field;
    if backend_settings.is_some() {
        problems.push(Problem::ignored(format!("{field}.backendSettings")));
    }
    let mut references: Vec<(String, &SinkBackendRef)> = backend_refs
        .iter()
        .enumerate()
        .map(|(position, it)| (format!("{field}.backendRefs[{position}]"), it))
        .collect();
    if references.is_empty() {
        references.extend(
            backend_ref
                .iter()
                .map(|it| (format!("{field}.backendRef"), it)),
        );
    }
    if references.is_empty() {
        return at_host(receiving);
    }
    let mut joined: Option<ir::Destination> = None;
    let mut last_problem = None;
    for (field, reference) in &references {
        let added = resolve(site, (field, reference), receiving.usage)
            .and_then(|found| join(joined.as_mut(), found, field));
        match added {
            Ok(Some(first)) => joined = Some(first),
            Ok(None) => {}
            Err(problem) => problems.extend(last_problem.replace(problem)),
        }
    }
    match (joined, last_problem) {
        (Some(destination), problem) => {
            problems.extend(problem);
            Ok(destination)
        }
        (None, Some(problem)) => Err(problem),
        (None, None) => Err(nowhere(field)),
    }
}

fn resolve(
    site: Site<'_>,
    (field, reference): (&str, &SinkBackendRef),
    usage: Usage,
) -> Result<ir::Destination, Problem> {
    // All are equal: see the CRD.
    let SinkBackendRef {
        group,
        kind,
        name,
        namespace,
        port,
        fallback: _,
        weight: _,
    } = reference;
    let referrer = Referrer {
        kind: KIND,
        namespace: site.namespace,
    };
    let reference = BackendRef {
        group: group.as_deref(),
        kind: kind.as_deref(),
        namespace: namespace.as_deref(),
        name,
        port: *port,
        field,
    };
    backend_ref::resolve((site.world, site.options), referrer, &reference, usage)
}

/// Adds endpoints to those before; gives back what is the first.
fn join(
    joined: Option<&mut ir::Destination>,
    found: ir::Destination,
    field: &str,
) -> Result<Option<ir::Destination>, Problem> {
    let Some(joined) = joined else {
        return Ok(Some(found));
    };
    if joined.tls != found.tls || joined.protocol != found.protocol {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!(
                "{field}: is spoken to in another way than the reference before it; one sink needs one"
            ),
        ));
    }
    joined.endpoints.extend(found.endpoints);
    joined.endpoints.sort();
    joined.endpoints.dedup();
    Ok(None)
}

fn at_host(receiving: &Receiving<'_>) -> Result<ir::Destination, Problem> {
    let field = receiving.field;
    let text = receiving.host.ok_or_else(|| nowhere(field))?;
    let port = receiving.port.unwrap_or(OTLP_PORT);
    let invalid = || {
        Problem::new(
            reason::INVALID,
            format!(
                "{field}.host: {text:?} with port {port} is not a host name or address with a port"
            ),
        )
    };
    let number = u16::try_from(port).ok().filter(|it| *it != 0);
    Ok(ir::Destination {
        name: String::new(),
        endpoints: vec![ir::Endpoint {
            host: parse_host(text.trim_end_matches('.')).ok_or_else(invalid)?,
            port: number.ok_or_else(invalid)?,
            draining: false,
        }],
        tls: None,
        protocol: match receiving.usage {
            Usage::Grpc => ir::UpstreamProtocol::Http2,
            _ => ir::UpstreamProtocol::Http1,
        },
    })
}

fn nowhere(field: &str) -> Problem {
    Problem::new(
        reason::INVALID,
        format!("{field}: backendRefs or host must be given"),
    )
}
