//! TLS towards endpoints.

use std::net::IpAddr;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{TransportSocket, transport_socket};
use envoy::matcher::{StringMatcher, string_matcher::MatchPattern};
use envoy::tls::{
    CertificateValidationContext, CommonTlsContext, Secret, SubjectAltNameMatcher, TlsParameters,
    UpstreamTlsContext,
    common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
    subject_alt_name_matcher::SanType,
    tls_parameters::TlsProtocol,
};

use super::rewrite::escape_regex;
use super::value::{exact, regex, string_matcher};
use super::{BuildOptions, secret};

/// What is spoken inside TLS, for ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    Http(ir::UpstreamProtocol),
    /// Whatever the client speaks.
    Stream,
}

/// A transport socket, and the secrets that it refers to.
pub(super) struct BuiltTls {
    pub(super) socket: TransportSocket,
    pub(super) secrets: Vec<Secret>,
}

pub(super) fn build_tls(tls: &ir::UpstreamTls, inside: Inside, options: &BuildOptions) -> BuiltTls {
    let ir::UpstreamTls {
        sni,
        ca,
        subject_alt_names,
        client_certificate,
    } = tls;
    let authorities = secret::build_authorities(ca, options);
    let certificate = client_certificate.as_ref().map(secret::build_certificate);
    let address: Option<IpAddr> = sni.parse().ok();
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: Some(build_versions()),
            tls_certificate_sds_secret_configs: certificate.iter().map(secret::reference).collect(),
            alpn_protocols: inside.alpn(),
            validation_context_type: authorities.as_ref().map(|authorities| {
                let names = build_names(sni, address, subject_alt_names);
                build_validation(names, authorities)
            }),
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
    BuiltTls {
        socket: tls_socket(envoy::pack(&context)),
        secrets: authorities.into_iter().chain(certificate).collect(),
    }
}

/// The secrets that the cluster of a destination refers to.
pub(super) fn secrets(destination: &ir::Destination, options: &BuildOptions) -> Vec<Secret> {
    let tls = destination.tls.iter();
    let secrets = tls.flat_map(|tls| {
        let certificate = tls.client_certificate.as_ref();
        let authorities = secret::build_authorities(&tls.ca, options);
        authorities
            .into_iter()
            .chain(certificate.map(secret::build_certificate))
    });
    secrets.collect()
}

/// A TLS transport socket, of either side.
pub(super) fn tls_socket(context: envoy::well_known::Any) -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_string(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(context)),
    }
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

/// Envoy by itself offers servers no TLS 1.3.
fn build_versions() -> TlsParameters {
    TlsParameters {
        tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
        tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
        ..TlsParameters::default()
    }
}

/// Names of which the certificate must have one.
fn build_names(
    sni: &str,
    address: Option<IpAddr>,
    names: &[ir::SubjectAltName],
) -> Vec<SubjectAltNameMatcher> {
    if names.is_empty() {
        let san_type = match address {
            Some(_) => SanType::IpAddress,
            None => SanType::Dns,
        };
        return vec![name_matcher(san_type, exact(sni))];
    }
    names
        .iter()
        .map(|name| match name {
            ir::SubjectAltName::Uri(uri) => name_matcher(SanType::Uri, exact(uri)),
            ir::SubjectAltName::Dns(name) => name_matcher(SanType::Dns, dns_name(name)),
        })
        .collect()
}

fn name_matcher(san_type: SanType, matcher: StringMatcher) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: san_type.into(),
        matcher: Some(matcher),
        ..SubjectAltNameMatcher::default()
    }
}

/// An exact name is one that the certificate covers, by a wildcard too; `*.` asks for a name of
/// the certificate that has one label in its place.
fn dns_name(name: &str) -> StringMatcher {
    match name.strip_prefix("*.") {
        None => exact(name),
        Some(rest) => string_matcher(MatchPattern::SafeRegex(regex(&format!(
            r"[^.]+\.{}",
            escape_regex(rest)
        )))),
    }
}

fn build_validation(
    names: Vec<SubjectAltNameMatcher>,
    authorities: &Secret,
) -> ValidationContextType {
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: names,
            ..CertificateValidationContext::default()
        }),
        validation_context_sds_secret_config: Some(secret::reference(authorities)),
        ..CombinedCertificateValidationContext::default()
    })
}

// === impl Inside ===

impl Inside {
    fn alpn(self) -> Vec<String> {
        match self {
            Self::Http(ir::UpstreamProtocol::Http1) => vec!["http/1.1".to_string()],
            Self::Http(ir::UpstreamProtocol::Http2) => vec!["h2".to_string()],
            Self::Stream => Vec::new(),
        }
    }
}
