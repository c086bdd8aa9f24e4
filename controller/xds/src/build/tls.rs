//! TLS towards endpoints. Authorities are secrets of their own, so that equal ones are sent once.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{DataSource, TransportSocket, data_source, transport_socket};
use envoy::tls::{
    CertificateValidationContext, CommonTlsContext, SdsSecretConfig, Secret, SubjectAltNameMatcher,
    UpstreamTlsContext,
    common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
    secret,
    subject_alt_name_matcher::SanType,
};

use super::value::{ads, exact, inline_text};
use super::{BuildOptions, names};

/// A transport socket, and the authorities it refers to.
pub(super) struct BuiltTls {
    pub(super) socket: TransportSocket,
    pub(super) secret: Option<Secret>,
}

pub(super) fn build_tls(
    tls: &ir::UpstreamTls,
    protocol: ir::UpstreamProtocol,
    options: &BuildOptions,
) -> BuiltTls {
    let ir::UpstreamTls {
        sni,
        ca,
        subject_alt_names: _,
        client_certificate: _,
    } = tls;
    let secret = build_authorities(ca, options);
    let alpn = match protocol {
        ir::UpstreamProtocol::Http1 => "http/1.1",
        ir::UpstreamProtocol::Http2 => "h2",
    };
    let address: Option<IpAddr> = sni.parse().ok();
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            alpn_protocols: vec![alpn.to_string()],
            validation_context_type: secret
                .as_ref()
                .map(|secret| build_validation(sni, address, secret)),
            ..CommonTlsContext::default()
        }),
        // Server names are names (RFC 6066, section 3): an address is verified, not sent.
        sni: if address.is_none() {
            sni.clone()
        } else {
            String::new()
        },
        ..UpstreamTlsContext::default()
    };
    let socket = TransportSocket {
        name: "envoy.transport_sockets.tls".to_string(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(envoy::pack(
            &context,
        ))),
    };
    BuiltTls { socket, secret }
}

/// Plain text, for endpoints that stand beside others with TLS.
pub(super) fn build_plain() -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.raw_buffer".to_string(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(envoy::pack(
            &envoy::raw_buffer::RawBuffer {},
        ))),
    }
}

fn build_validation(sni: &str, address: Option<IpAddr>, secret: &Secret) -> ValidationContextType {
    let san_type = match address {
        Some(_) => SanType::IpAddress,
        None => SanType::Dns,
    };
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: vec![SubjectAltNameMatcher {
                san_type: san_type.into(),
                matcher: Some(exact(sni)),
                ..SubjectAltNameMatcher::default()
            }],
            ..CertificateValidationContext::default()
        }),
        validation_context_sds_secret_config: Some(SdsSecretConfig {
            name: secret.name.clone(),
            sds_config: Some(ads()),
        }),
        ..CombinedCertificateValidationContext::default()
    })
}

/// `None` where nothing is verified.
fn build_authorities(ca: &ir::TrustedCa, options: &BuildOptions) -> Option<Secret> {
    let (name, source) = match ca {
        ir::TrustedCa::Insecure => return None,
        ir::TrustedCa::Pem(pem) => (authorities_name(pem), inline_text(pem)),
        ir::TrustedCa::System => {
            let path = options.system_ca_path.to_string_lossy().into_owned();
            let source = DataSource {
                specifier: Some(data_source::Specifier::Filename(path)),
                ..DataSource::default()
            };
            (names::SYSTEM_CA_SECRET.to_string(), source)
        }
    };
    let context = CertificateValidationContext {
        trusted_ca: Some(source),
        ..CertificateValidationContext::default()
    };
    Some(Secret {
        name,
        r#type: Some(secret::Type::ValidationContext(context)),
    })
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
