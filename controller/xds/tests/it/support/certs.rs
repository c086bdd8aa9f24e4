//! Certificates made for a test.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tollgate_ir as ir;
use tollgate_secret::Secret;

/// An authority that signs what it is asked to.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate for these DNS names, in a Secret of the first.
    pub(crate) fn certificate(&self, names: &[&str]) -> ir::Certificate {
        let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let secret = format!("default/{}", names[0].trim_start_matches("*."));
        self.sign(&secret, CertificateParams::new(names).unwrap())
    }

    /// A certificate with this URI and no DNS name.
    pub(crate) fn uri_certificate(&self, uri: &str) -> ir::Certificate {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        self.sign("default/uri", params)
    }

    fn sign(&self, secret: &str, params: CertificateParams) -> ir::Certificate {
        let key = KeyPair::generate().unwrap();
        ir::Certificate {
            name: secret.to_string(),
            chain_pem: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key_pem: Secret::new(key.serialize_pem()),
        }
    }
}

/// A certificate and its key as rustls takes them.
pub(crate) fn der(
    certificate: &ir::Certificate,
) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.expose().as_bytes());
    (chain.map(Result::unwrap).collect(), key.unwrap())
}
