//! References of routes to backends: Service and Backend, of the same namespace or granted.
//!
//! Every kind of route that names a backend asks here, so that kinds, grants, protocols and TLS
//! follow one set of rules.

use tollgate_ir as ir;

use crate::reference_grant::{self, Reference};
use crate::status::{Problem, reason};
use crate::{NamespacedName, Options, World, backend, groups, service};

/// A reference to a backend as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackendRef<'a> {
    /// Unset is the core group.
    pub(crate) group: Option<&'a str>,
    /// Unset is Service.
    pub(crate) kind: Option<&'a str>,
    /// Unset is the namespace of the object that refers.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
    /// A Service needs one.
    pub(crate) port: Option<i32>,
    /// Where it is written: `spec.rules[0].backendRefs[1]`.
    pub(crate) field: &'a str,
}

/// The object that refers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Referrer<'a> {
    /// Group and kind, as grants name it.
    pub(crate) kind: (&'a str, &'a str),
    pub(crate) namespace: &'a str,
}

/// What is sent to a backend; it decides about protocol and TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// HTTP requests: the backend's protocol, and TLS where a policy or the backend asks for it.
    Http,
    /// gRPC calls: the same over HTTP/2.
    Grpc,
    /// Bytes that were behind TLS: TLS again where a policy or the backend asks for it.
    Terminated,
    /// Connections as they are.
    Connections,
    /// Datagrams as they are.
    Datagrams,
}

/// Where a reference leads.
pub(crate) fn resolve(
    (world, options): (&World, &Options),
    referrer: Referrer<'_>,
    reference: &BackendRef<'_>,
    usage: Usage,
) -> Result<ir::Destination, Problem> {
    let field = reference.field;
    let group = reference.group.unwrap_or(groups::CORE);
    let kind = reference.kind.unwrap_or(service::KIND.1);
    if !matches!((group, kind), service::KIND | backend::KIND) {
        return Err(Problem::new(
            reason::INVALID_KIND,
            format!(
                "{field}.kind: {kind:?} of group {group:?} is no backend; Service and Backend (gateway.envoyproxy.io) are"
            ),
        ));
    }
    let target = target(referrer, reference);
    reference_grant::check(
        world,
        Reference {
            from: referrer.kind,
            namespace: referrer.namespace,
            to: (group, kind),
            target: &target,
            field,
        },
    )?;
    if (group, kind) == backend::KIND {
        let destination = backend::destination(world, &target, field)?;
        return Ok(spoken(destination, usage));
    }
    service::destination((world, options), &target, (reference.port, field), usage)
}

/// The object that a reference names.
pub(crate) fn target(referrer: Referrer<'_>, reference: &BackendRef<'_>) -> NamespacedName {
    NamespacedName::new(
        reference.namespace.unwrap_or(referrer.namespace),
        reference.name,
    )
}

/// A Backend as it is spoken to.
fn spoken(mut destination: ir::Destination, usage: Usage) -> ir::Destination {
    match usage {
        Usage::Http | Usage::Terminated => {}
        Usage::Grpc => destination.protocol = ir::UpstreamProtocol::Http2,
        Usage::Connections | Usage::Datagrams => destination.tls = None,
    }
    destination
}
