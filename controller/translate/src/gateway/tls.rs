//! TLS of a listener: where it ends, and with which certificates.

use std::collections::BTreeSet;

use tollgate_ir::{DownstreamTls, Hostname};

use super::{Owner, Protocol, Refusal};
use crate::certificate::{self, CertificateRef};
use crate::status::{Problem, reason};
use crate::{World, groups, k8s};

/// What becomes of TLS.
#[derive(Clone, Debug)]
pub(crate) enum TlsEnd {
    /// It is ended here.
    Terminate(DownstreamTls),
    /// It goes on as it is.
    Passthrough,
}

/// TLS of a listener as it is written.
#[derive(Debug, Default)]
pub(super) struct ListenerTls {
    /// `None` where there is no TLS, or it cannot be served.
    pub(super) end: Option<TlsEnd>,
    /// Host names in the certificates.
    pub(super) names: BTreeSet<Hostname>,
    /// References that lead nowhere; the certificates beside them are shown.
    pub(super) problems: Vec<Problem>,
    pub(super) refusal: Option<Refusal>,
    /// Fields that have no effect.
    pub(super) ignored: Vec<String>,
}

/// Whether a listener ends TLS, or would.
pub(super) fn is_terminated(protocol: Protocol, tls: Option<&k8s::GatewayListenersTls>) -> bool {
    let mode = tls.and_then(|tls| tls.mode.as_ref());
    matches!(protocol, Protocol::Https | Protocol::Tls) && mode != Some(&k8s::TlsMode::Passthrough)
}

/// The TLS of a listener of this name and protocol.
pub(super) fn translate(
    world: &World,
    owner: Owner<'_>,
    (name, protocol, tls): (&str, Protocol, Option<&k8s::GatewayListenersTls>),
) -> ListenerTls {
    if !matches!(protocol, Protocol::Https | Protocol::Tls) {
        return ListenerTls::default();
    }
    let options = tls.and_then(|tls| tls.options.as_ref());
    let ignored = options
        .into_iter()
        .flat_map(|options| options.keys())
        .map(|key| format!("tls.options[{key}]"))
        .collect();
    if is_terminated(protocol, tls) {
        let references = tls.and_then(|tls| tls.certificate_refs.as_deref());
        let ended = terminate(world, owner, (name, references.unwrap_or_default()));
        return ListenerTls { ignored, ..ended };
    }
    let refusal = (protocol == Protocol::Https).then(|| {
        let rule = "tls.mode: Passthrough is for protocol TLS; HTTPS needs Terminate";
        Refusal::Invalid(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("listener {name}: {rule}"),
        ))
    });
    ListenerTls {
        end: Some(TlsEnd::Passthrough),
        refusal,
        ignored,
        ..ListenerTls::default()
    }
}

fn terminate(
    world: &World,
    owner: Owner<'_>,
    (name, references): (&str, &[k8s::GatewayListenersTlsCertificateRefs]),
) -> ListenerTls {
    let mut ended = ListenerTls::default();
    let mut certificates = Vec::new();
    for (index, reference) in references.iter().enumerate() {
        let k8s::GatewayListenersTlsCertificateRefs {
            group,
            kind,
            name: target,
            namespace,
        } = reference;
        let field = format!("listener {name}: tls.certificateRefs[{index}]");
        let reference = CertificateRef {
            from: owner.kind,
            from_namespace: &owner.name.namespace,
            group: group.as_deref().unwrap_or(groups::CORE),
            kind: kind.as_deref().unwrap_or("Secret"),
            namespace: namespace.as_deref(),
            name: target,
            field: &field,
        };
        match certificate::key_pair(world, reference, reason::INVALID_CERTIFICATE_REF) {
            Ok(pair) => {
                ended.names.extend(pair.names);
                if !certificates.contains(&pair.certificate) {
                    certificates.push(pair.certificate);
                }
            }
            Err(problem) => ended.problems.push(problem),
        }
    }
    if references.is_empty() {
        ended.problems.push(Problem::new(
            reason::INVALID_CERTIFICATE_REF,
            format!(
                "listener {name}: tls.certificateRefs: there is no certificate to end TLS with"
            ),
        ));
    }
    if certificates.is_empty() {
        ended.refusal = Problem::join(&ended.problems).map(Refusal::NoCertificate);
    } else {
        ended.end = Some(TlsEnd::Terminate(DownstreamTls {
            certificates,
            client_validation: None,
        }));
    }
    ended
}
