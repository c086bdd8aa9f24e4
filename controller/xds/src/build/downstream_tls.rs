//! TLS with clients, as Mozilla's "intermediate" profile has it: TLS 1.2 and 1.3, forward secrecy
//! only, clients choose among the ciphers.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::TransportSocket;
use envoy::tls::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, Secret, TlsParameters,
    certificate_validation_context::TrustChainVerification,
    common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
    downstream_tls_context::SessionTicketKeysType,
    tls_parameters::TlsProtocol,
};
use envoy::well_known::BoolValue;

use super::secret;
use super::upstream_tls::{BuiltTls, tls_socket};

/// For TLS 1.2; those of TLS 1.3 are all good and cannot be chosen.
const CIPHERS: &[&str] = &[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
];
const CURVES: &[&str] = &["X25519MLKEM768", "X25519", "P-256", "P-384"];

/// Protocols that are offered where HTTP is inside.
pub(super) const HTTP_ALPN: &[&str] = &["h2", "http/1.1"];

/// The transport socket of a filter chain that ends TLS.
pub(super) fn build_tls(tls: &ir::DownstreamTls, alpn: &[&str]) -> BuiltTls {
    let ir::DownstreamTls {
        certificates,
        client_validation,
    } = tls;
    let certificates: Vec<Secret> = certificates.iter().map(secret::build_certificate).collect();
    let validation = client_validation.as_ref().map(build_validation);
    let required = client_validation
        .as_ref()
        .is_some_and(|validation| validation.mode == ir::ClientValidationMode::Required);
    let (validation_type, authorities) = validation.unzip();
    let context = DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: Some(build_parameters()),
            tls_certificate_sds_secret_configs: certificates
                .iter()
                .map(secret::reference)
                .collect(),
            alpn_protocols: texts(alpn),
            validation_context_type: validation_type,
            ..CommonTlsContext::default()
        }),
        require_client_certificate: authorities.as_ref().map(|_| BoolValue { value: required }),
        // Sessions are resumed without a look at the client's certificate.
        disable_stateful_session_resumption: authorities.is_some(),
        prefer_client_ciphers: true,
        // A ticket's key would outlive the secrecy of its sessions.
        session_ticket_keys_type: Some(SessionTicketKeysType::DisableStatelessSessionResumption(
            true,
        )),
        ..DownstreamTlsContext::default()
    };
    BuiltTls {
        socket: socket(&context),
        secrets: certificates.into_iter().chain(authorities).collect(),
    }
}

fn socket(context: &DownstreamTlsContext) -> TransportSocket {
    tls_socket(envoy::pack(context))
}

fn build_parameters() -> TlsParameters {
    TlsParameters {
        tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
        tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
        cipher_suites: texts(CIPHERS),
        ecdh_curves: texts(CURVES),
        ..TlsParameters::default()
    }
}

/// How certificates of clients are checked, and the authorities to check them with.
fn build_validation(validation: &ir::ClientValidation) -> (ValidationContextType, Secret) {
    let ir::ClientValidation { ca_pem, mode } = validation;
    let authorities = secret::build_pem_authorities(ca_pem);
    let verification = match mode {
        ir::ClientValidationMode::Required => TrustChainVerification::VerifyTrustChain,
        ir::ClientValidationMode::Optional => TrustChainVerification::AcceptUntrusted,
    };
    let combined = CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            trust_chain_verification: verification.into(),
            ..CertificateValidationContext::default()
        }),
        validation_context_sds_secret_config: Some(secret::reference(&authorities)),
        ..CombinedCertificateValidationContext::default()
    };
    let validation = ValidationContextType::CombinedValidationContext(combined);
    (validation, authorities)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
