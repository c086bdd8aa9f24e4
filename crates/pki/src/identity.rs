//! What a process shows to prove who it is, and whom it trusts.

use std::time::SystemTime;

use tollgate_secret::Secret;

use crate::{CertificateError, Validity, certificate};

/// A certificate with its key, and the authorities by which peers are judged: the three files of a
/// Secret (`tls.crt`, `tls.key`, `ca.crt`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM: the certificate itself first.
    pub chain_pem: String,
    /// PEM (PKCS #8).
    pub key_pem: Secret<String>,
    /// PEM: every authority that is trusted.
    pub ca_pem: String,
}

// === impl Identity ===

impl Identity {
    /// When this certificate counts.
    ///
    /// # Errors
    ///
    /// Where `chain_pem` is no certificate.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        certificate::validity(&self.chain_pem)
    }

    /// When it should be replaced: after two thirds of its life.
    ///
    /// # Errors
    ///
    /// Where `chain_pem` is no certificate.
    pub fn renew_at(&self) -> Result<SystemTime, CertificateError> {
        Ok(self.validity()?.renew_at())
    }
}
