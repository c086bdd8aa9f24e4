//! `spec.validation`: whom a policy trusts, and for which names.

use tollgate_ir as ir;

use super::KIND;
use crate::base_url::parse_host;
use crate::ca_certificates::{self, CaReference};
use crate::k8s::backend_tls::{
    BackendTlsPolicyValidation as Spec, BackendTlsPolicyValidationSubjectAltNames as AltName,
    BackendTlsPolicyValidationSubjectAltNamesType as AltNameType,
};
use crate::status::{Problem, reason};
use crate::{NamespacedName, World};

/// The one name of well-known authorities.
const SYSTEM: &str = "System";

/// What comes of a policy's validation.
#[derive(Debug)]
pub(super) struct Validation {
    /// The TLS that it asks for, or why it is not accepted.
    pub(super) tls: Result<ir::UpstreamTls, Problem>,
    /// References to certificates that lead nowhere; what the others sign is trusted.
    pub(super) ref_problems: Vec<Problem>,
}

// === impl Validation ===

impl Validation {
    pub(super) fn new(world: &World, policy: &NamespacedName, spec: &Spec) -> Self {
        let mut ref_problems = Vec::new();
        let tls = authorities(world, policy, (spec, &mut ref_problems)).and_then(|ca| {
            Ok(ir::UpstreamTls {
                sni: server_name(&spec.hostname)?,
                ca,
                subject_alt_names: alt_names(spec)?,
                client_certificate: None,
            })
        });
        Self { tls, ref_problems }
    }
}

fn authorities(
    world: &World,
    policy: &NamespacedName,
    (spec, ref_problems): (&Spec, &mut Vec<Problem>),
) -> Result<ir::TrustedCa, Problem> {
    let references = spec.ca_certificate_refs.as_deref().unwrap_or_default();
    let known = spec.well_known_ca_certificates.as_deref();
    if references.is_empty() {
        return match known {
            Some(SYSTEM) => Ok(ir::TrustedCa::System),
            Some(other) if !other.is_empty() => Err(Problem::new(
                reason::INVALID,
                format!(
                    "spec.validation.wellKnownCACertificates: {other:?} is not known; System is"
                ),
            )),
            _ => Err(Problem::new(
                reason::INVALID,
                "spec.validation: one of caCertificateRefs and wellKnownCACertificates must be given",
            )),
        };
    }
    let mut pem = String::new();
    for (index, reference) in references.iter().enumerate() {
        let bundle = ca_certificates::bundle(
            world,
            CaReference {
                from: KIND,
                namespace: &policy.namespace,
                group: &reference.group,
                kind: &reference.kind,
                target: &NamespacedName::new(&policy.namespace, &reference.name),
                field: &format!("spec.validation.caCertificateRefs[{index}]"),
            },
        );
        match bundle {
            Ok(bundle) => pem.push_str(&bundle),
            Err(problem) => ref_problems.push(problem),
        }
    }
    match Problem::join(ref_problems) {
        Some(problem) if pem.is_empty() => Err(Problem::new(
            reason::NO_VALID_CA_CERTIFICATE,
            format!("no certificate to trust: {}", problem.message),
        )),
        _ => Ok(ir::TrustedCa::Pem(pem)),
    }
}

fn server_name(hostname: &str) -> Result<String, Problem> {
    match parse_host(hostname) {
        Some(ir::Host::Dns(name)) => Ok(name),
        Some(ir::Host::Ip(_)) | None => Err(Problem::new(
            reason::INVALID,
            format!("spec.validation.hostname: {hostname:?} is not a host name"),
        )),
    }
}

fn alt_names(spec: &Spec) -> Result<Vec<ir::SubjectAltName>, Problem> {
    let names = spec.subject_alt_names.iter().flatten().enumerate();
    names
        .map(
            |(
                index,
                AltName {
                    hostname,
                    r#type,
                    uri,
                },
            )| {
                let field = format!("spec.validation.subjectAltNames[{index}]");
                let missing = |name: &str| {
                    Problem::new(
                        reason::INVALID,
                        format!("{field}.{name}: a name of this type needs it"),
                    )
                };
                let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
                Ok(match r#type {
                    AltNameType::Hostname => {
                        let name = given(hostname).ok_or_else(|| missing("hostname"))?;
                        ir::SubjectAltName::Dns(name.to_ascii_lowercase())
                    }
                    AltNameType::Uri => {
                        ir::SubjectAltName::Uri(given(uri).ok_or_else(|| missing("uri"))?)
                    }
                })
            },
        )
        .collect()
}
