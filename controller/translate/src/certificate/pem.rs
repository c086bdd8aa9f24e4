//! A chain of certificates in PEM: whether all of it can be read, and what the first one says.

use tollgate_ir::Hostname;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Label of a certificate.
const CERTIFICATE: &str = "CERTIFICATE";

/// What the first certificate of a chain says.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) public_key: PublicKey,
    /// DNS names of its `subjectAltName`.
    pub(super) names: Vec<Hostname>,
}

/// A public key as a certificate has it (RFC 5280 section 4.1.2.7).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// Object identifier of the algorithm, as DER has it.
    pub(super) algorithm: Vec<u8>,
    /// Object identifier of the curve, as DER has it; empty where there is none.
    pub(super) curve: Vec<u8>,
    /// The key itself.
    pub(super) bits: Vec<u8>,
}

/// Reads every certificate of a text; gives the first.
pub(super) fn leaf(text: &str) -> Result<Leaf, String> {
    let mut first = None;
    for (index, pem) in Pem::iter_from_buffer(text.as_bytes()).enumerate() {
        let place = index + 1;
        let pem = pem.map_err(|_| format!("PEM block {place} cannot be read"))?;
        if pem.label != CERTIFICATE {
            return Err(format!(
                "PEM block {place} is {:?}, and must be {CERTIFICATE:?}",
                pem.label
            ));
        }
        let certificate = pem
            .parse_x509()
            .map_err(|_| format!("PEM block {place} is no X.509 certificate"))?;
        if first.is_none() {
            let mut names = Vec::new();
            if let Ok(Some(extension)) = certificate.subject_alternative_name() {
                names.extend(extension.value.general_names.iter().filter_map(dns_name));
            }
            first = Some(Leaf {
                public_key: public_key(certificate.public_key()),
                names,
            });
        }
    }
    first.ok_or_else(|| "holds no certificate in PEM".to_string())
}

fn dns_name(name: &GeneralName<'_>) -> Option<Hostname> {
    match name {
        GeneralName::DNSName(name) => Some(Hostname::parse(Some(name))),
        _ => None,
    }
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let parameters = info.algorithm.parameters.as_ref();
    PublicKey {
        algorithm: info.algorithm.algorithm.as_bytes().to_vec(),
        curve: parameters
            .and_then(|parameters| parameters.as_oid().ok())
            .map(|oid| oid.as_bytes().to_vec())
            .unwrap_or_default(),
        bits: info.subject_public_key.data.to_vec(),
    }
}
