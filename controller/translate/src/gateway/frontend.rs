//! Which certificates clients must show: `Gateway.spec.tls.frontend`.

use std::collections::BTreeMap;

use tollgate_ir::{ClientValidation, ClientValidationMode};

use crate::ca_certificates::{self, CaReference};
use crate::status::{Problem, reason};
use crate::{NamespacedName, World, groups, k8s};

/// Group and kind of a Gateway, as grants name it.
const GATEWAY: (&str, &str) = (groups::GATEWAY_API, "Gateway");

/// What is asked of clients, by port.
#[derive(Debug, Default)]
pub(super) struct Frontend {
    default: Option<Validation>,
    /// In the place of the default, even where nothing is asked.
    ports: BTreeMap<i32, Option<Validation>>,
    /// Where clients without a valid certificate are served like any other, in words.
    pub(super) insecure: Vec<String>,
}

/// What is asked of clients.
#[derive(Debug)]
pub(super) struct Validation {
    /// `None` has no authority to check them with: nobody is served.
    pub(super) clients: Option<ClientValidation>,
    /// References that lead nowhere.
    pub(super) problems: Vec<Problem>,
}

/// A reference to certificates of an authority.
struct AuthorityRef<'a> {
    group: &'a str,
    kind: &'a str,
    name: &'a str,
    namespace: Option<&'a str>,
}

// === impl Frontend ===

impl Frontend {
    pub(super) fn new(
        world: &World,
        gateway: &NamespacedName,
        tls: Option<&k8s::GatewayTlsFrontend>,
    ) -> Self {
        let mut frontend = Self::default();
        let Some(k8s::GatewayTlsFrontend { default, per_port }) = tls else {
            return frontend;
        };
        if let Some(validation) = &default.validation {
            let references = validation.ca_certificate_refs.iter();
            let references = references.map(|it| AuthorityRef {
                group: &it.group,
                kind: &it.kind,
                name: &it.name,
                namespace: it.namespace.as_deref(),
            });
            let insecure = matches!(
                validation.mode,
                Some(k8s::FrontendMode::AllowInsecureFallback)
            );
            let field = "spec.tls.frontend.default".to_string();
            let validation = frontend.validation((world, gateway), (field, insecure), references);
            frontend.default = Some(validation);
        }
        for (index, per_port) in per_port.iter().flatten().enumerate() {
            let validation = per_port.tls.validation.as_ref().map(|validation| {
                let references = validation.ca_certificate_refs.iter();
                let references = references.map(|it| AuthorityRef {
                    group: &it.group,
                    kind: &it.kind,
                    name: &it.name,
                    namespace: it.namespace.as_deref(),
                });
                let insecure = matches!(
                    validation.mode,
                    Some(k8s::FrontendPortMode::AllowInsecureFallback)
                );
                let field = format!("spec.tls.frontend.perPort[{index}].tls");
                frontend.validation((world, gateway), (field, insecure), references)
            });
            frontend.ports.insert(per_port.port, validation);
        }
        frontend
    }

    /// What holds on a port.
    pub(super) fn on_port(&self, port: u16) -> Option<&Validation> {
        match self.ports.get(&i32::from(port)) {
            Some(validation) => validation.as_ref(),
            None => self.default.as_ref(),
        }
    }

    fn validation<'a>(
        &mut self,
        (world, gateway): (&World, &NamespacedName),
        (field, insecure): (String, bool),
        references: impl Iterator<Item = AuthorityRef<'a>>,
    ) -> Validation {
        let mut ca_pem = String::new();
        let mut problems = Vec::new();
        for (index, reference) in references.enumerate() {
            let field = format!("{field}.validation.caCertificateRefs[{index}]");
            match authority(world, gateway, (&reference, &field)) {
                Ok(pem) => ca_pem.push_str(&pem),
                Err(problem) => problems.push(problem),
            }
        }
        if ca_pem.is_empty() && problems.is_empty() {
            problems.push(Problem::new(
                reason::INVALID_CA_CERTIFICATE_REF,
                format!("{field}.validation.caCertificateRefs: there is none"),
            ));
        }
        let mode = if insecure {
            self.insecure.push(format!("{field}.validation.mode"));
            ClientValidationMode::Optional
        } else {
            ClientValidationMode::Required
        };
        Validation {
            clients: (!ca_pem.is_empty()).then_some(ClientValidation { ca_pem, mode }),
            problems,
        }
    }
}

fn authority(
    world: &World,
    gateway: &NamespacedName,
    (reference, field): (&AuthorityRef<'_>, &str),
) -> Result<String, Problem> {
    let namespace = reference.namespace.unwrap_or(&gateway.namespace);
    let reference = CaReference {
        from: GATEWAY,
        namespace: &gateway.namespace,
        group: reference.group,
        kind: reference.kind,
        target: &NamespacedName::new(namespace, reference.name),
        field,
    };
    ca_certificates::bundle(world, reference).map_err(|problem| match problem.reason {
        reason::INVALID_KIND => Problem::new(reason::INVALID_CA_CERTIFICATE_KIND, problem.message),
        _ => problem,
    })
}
