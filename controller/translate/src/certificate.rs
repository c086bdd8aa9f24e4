//! Certificates with their keys, in Secrets: read, checked and ready for the proxy.
//!
//! What the proxy would refuse is refused here, by the object that names it, so that one bad
//! Secret never holds up what stands beside it. No message shows a byte of a key.

mod der;
mod key;
mod pem;

use tollgate_ir::{self as ir, Hostname};
use tollgate_secret::Secret;

use crate::reference_grant::{self, Reference};
use crate::status::Problem;
use crate::{NamespacedName, World, groups};

/// Type of Secrets with a certificate and its key.
const TLS_SECRET_TYPE: &str = "kubernetes.io/tls";
/// Entry with the certificate, then those that sign it.
const CERTIFICATE_ENTRY: &str = "tls.crt";
/// Entry with the key.
const KEY_ENTRY: &str = "tls.key";

/// A reference to a certificate with its key, as some other object writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CertificateRef<'a> {
    /// Group and kind of the object that refers.
    pub(crate) from: (&'a str, &'a str),
    /// Its namespace.
    pub(crate) from_namespace: &'a str,
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    /// `None` is the namespace of the object that refers.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
    /// The field that refers, for the message.
    pub(crate) field: &'a str,
}

/// A certificate with its key, and the names it is for.
#[derive(Clone, Debug)]
pub(crate) struct KeyPair {
    pub(crate) certificate: ir::Certificate,
    /// Host names in the certificate.
    pub(crate) names: Vec<Hostname>,
}

/// The certificate and key that a reference leads to. `invalid` is the reason where they cannot
/// be used; without a ReferenceGrant the reason is always `RefNotPermitted`.
pub(crate) fn key_pair(
    world: &World,
    reference: CertificateRef<'_>,
    invalid: &'static str,
) -> Result<KeyPair, Problem> {
    let CertificateRef {
        group, kind, field, ..
    } = reference;
    let fails = |message: String| Problem::new(invalid, message);
    if (group, kind) != (groups::CORE, "Secret") {
        return Err(fails(format!(
            "{field}.kind: {kind:?} of group {group:?} holds no certificate; a Secret of the core group does"
        )));
    }
    reference.check_grant(world)?;
    let name = reference.target();
    let rule = |rule: &str| fails(format!("{field}: Secret {name} {rule}"));
    let secret = world
        .secrets
        .get(&name)
        .ok_or_else(|| rule("does not exist"))?;
    if secret.type_ != TLS_SECRET_TYPE {
        return Err(rule(&format!(
            "is of type {}, and must be of type {TLS_SECRET_TYPE}",
            secret.type_
        )));
    }
    let entry = |entry: &str| {
        let bytes = secret.data.get(entry).map(Secret::expose);
        let bytes = bytes.ok_or_else(|| rule(&format!("has no key {entry}")))?;
        str::from_utf8(bytes).map_err(|_| rule(&format!("key {entry} is not text")))
    };
    let (chain_pem, key_pem) = (entry(CERTIFICATE_ENTRY)?, entry(KEY_ENTRY)?);
    let leaf =
        pem::leaf(chain_pem).map_err(|error| rule(&format!("key {CERTIFICATE_ENTRY}: {error}")))?;
    key::check(key_pem, &leaf.public_key)
        .map_err(|error| rule(&format!("key {KEY_ENTRY}: {error}")))?;
    Ok(KeyPair {
        certificate: ir::Certificate {
            name: name.to_string(),
            chain_pem: chain_pem.to_string(),
            key_pem: Secret::new(key_pem.to_string()),
        },
        names: leaf.names,
    })
}

// === impl CertificateRef ===

impl CertificateRef<'_> {
    fn target(&self) -> NamespacedName {
        NamespacedName::new(self.namespace.unwrap_or(self.from_namespace), self.name)
    }

    fn check_grant(&self, world: &World) -> Result<(), Problem> {
        reference_grant::check(
            world,
            Reference {
                from: self.from,
                namespace: self.from_namespace,
                to: (self.group, self.kind),
                target: &self.target(),
                field: self.field,
            },
        )
    }
}

#[cfg(test)]
mod tests;
