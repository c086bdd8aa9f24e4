//! TLS with clients, and certificates of our own.

use serde::{Deserialize, Serialize};
use tollgate_secret::Secret;

/// How TLS from clients is ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownstreamTls {
    /// Certificates to show; the one that fits the server name and the client's algorithms is
    /// taken. Never empty.
    pub certificates: Vec<Certificate>,
    /// What is asked of clients; `None` asks for no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_validation: Option<ClientValidation>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// `namespace/secret`: the Secret that it stands in.
    pub name: String,
    /// PEM: the certificate, then those that sign it.
    pub chain_pem: String,
    /// PEM.
    pub key_pem: Secret<String>,
}

/// How certificates of clients are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientValidation {
    /// PEM certificates of the authorities that are trusted.
    pub ca_pem: String,
    /// What becomes of a client without a valid certificate.
    pub mode: ClientValidationMode,
}

/// What becomes of a client without a valid certificate (Gateway API
/// `FrontendTLSValidation.mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientValidationMode {
    /// The handshake fails.
    #[default]
    Required,
    /// It is served like any other: `AllowInsecureFallback`.
    Optional,
}
