//! What is sent over SDS: trusted authorities, and certificates of our own with their keys. Their
//! names are what transport sockets refer to, so a changed certificate is one changed secret.

use sha2::{Digest, Sha256};
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{DataSource, data_source};
use envoy::tls::{
    CertificateValidationContext, SdsSecretConfig, Secret, TlsCertificate, secret::Type,
};

use super::value::{ads, inline_text};
use super::{BuildOptions, names};

/// `None` where nothing is verified.
pub(super) fn build_authorities(ca: &ir::TrustedCa, options: &BuildOptions) -> Option<Secret> {
    match ca {
        ir::TrustedCa::Insecure => None,
        ir::TrustedCa::Pem(pem) => Some(build_pem_authorities(pem)),
        ir::TrustedCa::System => {
            let path = options.system_ca_path.to_string_lossy().into_owned();
            let source = DataSource {
                specifier: Some(data_source::Specifier::Filename(path)),
                ..DataSource::default()
            };
            Some(authorities(names::SYSTEM_CA_SECRET.to_string(), source))
        }
    }
}

/// Equal ones have one name, so they are sent once.
pub(super) fn build_pem_authorities(pem: &str) -> Secret {
    authorities(authorities_name(pem), inline_text(pem))
}

/// A certificate and its key.
pub(super) fn build_certificate(certificate: &ir::Certificate) -> Secret {
    let ir::Certificate {
        name,
        chain_pem,
        key_pem,
    } = certificate;
    Secret {
        name: format!("{}{name}", names::CERTIFICATE_PREFIX),
        r#type: Some(Type::TlsCertificate(TlsCertificate {
            certificate_chain: Some(inline_text(chain_pem)),
            private_key: Some(inline_text(key_pem.expose())),
            ..TlsCertificate::default()
        })),
    }
}

/// How a transport socket refers to a secret.
pub(super) fn reference(secret: &Secret) -> SdsSecretConfig {
    SdsSecretConfig {
        name: secret.name.clone(),
        sds_config: Some(ads()),
    }
}

fn authorities(name: String, source: DataSource) -> Secret {
    Secret {
        name,
        r#type: Some(Type::ValidationContext(CertificateValidationContext {
            trusted_ca: Some(source),
            ..CertificateValidationContext::default()
        })),
    }
}

/// `ca/` and the first 16 hex digits of the SHA-256 of the PEM.
fn authorities_name(pem: &str) -> String {
    let digest = Sha256::digest(pem.as_bytes());
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("ca/{hex}")
}
