//! Reading certificates: how long they count, and the names in them.

use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PublicKeyData};
use tollgate_secret::Secret;
use x509_parser::{
    extensions::GeneralName,
    pem::Pem,
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

/// Why a certificate cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is no such block in the text.
    #[error("the text has no PEM block \"CERTIFICATE\"")]
    NoPem,
    /// Bytes that are no certificate.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// A private key that cannot be read.
    #[error("the private key cannot be read: {0}")]
    Key(#[source] rcgen::Error),
    /// A key of something else.
    #[error("the private key does not belong to the certificate of {subject}")]
    KeyMismatch {
        /// Subject of the certificate.
        subject: String,
    },
    /// A certificate that may not sign others.
    #[error("the certificate of {subject} is no authority: basicConstraints must say CA")]
    NoAuthority {
        /// Subject of the certificate.
        subject: String,
    },
    /// A name that no certificate can hold.
    #[error("the name {name:?} cannot stand in a certificate: {source}")]
    Name {
        /// As it was given.
        name: String,
        /// What is wrong with it.
        source: rcgen::Error,
    },
    /// Making or signing one failed.
    #[error("a certificate cannot be made: {0}")]
    Make(#[source] rcgen::Error),
}

/// The time in which a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From here on.
    pub not_before: SystemTime,
    /// Up to here.
    pub not_after: SystemTime,
}

// === impl Validity ===

impl Validity {
    /// After two thirds of its life: early enough for a month of failed attempts at 90 days.
    pub fn renew_at(&self) -> SystemTime {
        let life = self.not_after.duration_since(self.not_before);
        self.not_before + life.unwrap_or_default() * 2 / 3
    }

    /// Whether it counts at this time.
    pub fn holds_at(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// When the first certificate of a PEM text counts.
///
/// # Errors
///
/// Where the text begins with no certificate.
pub fn validity(chain_pem: &str) -> Result<Validity, CertificateError> {
    read_first(chain_pem, validity_of)
}

/// The one URI among the names of a peer's certificate (DER). `None`: there is none, or more than
/// one, or the bytes are no certificate.
pub fn peer_uri(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names.value.general_names.iter().filter_map(|it| match it {
        GeneralName::URI(uri) => Some((*uri).to_string()),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => Some(uri),
        _ => None,
    }
}

/// When a peer's certificate (DER) counts. `None`: the bytes are no certificate.
pub fn peer_validity(der: &[u8]) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(validity_of(&certificate))
}

/// The DNS names in the first certificate of a PEM text, in its order.
///
/// # Errors
///
/// Where the text begins with no certificate.
pub fn dns_names(chain_pem: &str) -> Result<Vec<String>, CertificateError> {
    read_first(chain_pem, |certificate| {
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|it| it.value.general_names.iter());
        names
            .into_iter()
            .flatten()
            .filter_map(|it| match it {
                GeneralName::DNSName(name) => Some((*name).to_string()),
                _ => None,
            })
            .collect()
    })
}

/// When a certificate counts.
pub(crate) fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity {
        not_before: system_time(validity.not_before),
        not_after: system_time(validity.not_after),
    }
}

/// Whether a key is that of the first certificate of a PEM text.
pub(crate) fn fits(chain_pem: &str, key_pem: &Secret<String>) -> bool {
    let Ok(key) = KeyPair::from_pem(key_pem.expose()) else {
        return false;
    };
    let same = |it: &X509Certificate<'_>| it.public_key().raw == key.subject_public_key_info();
    read_first(chain_pem, same).unwrap_or(false)
}

/// Whether the first certificate of a PEM text is signed by one of those of another.
pub(crate) fn is_signed_by_any(chain_pem: &str, trust_pem: &str) -> bool {
    let Ok(trusted) = blocks(trust_pem) else {
        return false;
    };
    let signed = |it: &X509Certificate<'_>| {
        trusted
            .iter()
            .filter_map(|pem| pem.parse_x509().ok())
            .any(|authority| {
                authority.subject() == it.issuer()
                    && it.verify_signature(Some(authority.public_key())).is_ok()
            })
    };
    read_first(chain_pem, signed).unwrap_or(false)
}

/// Reads the first certificate of a PEM text.
pub(crate) fn read_first<R>(
    chain_pem: &str,
    read: impl FnOnce(&X509Certificate<'_>) -> R,
) -> Result<R, CertificateError> {
    let pem = blocks(chain_pem)?
        .into_iter()
        .next()
        .ok_or(CertificateError::NoPem)?;
    let certificate = pem
        .parse_x509()
        .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
    Ok(read(&certificate))
}

/// All certificates of a PEM text, as DER.
pub(crate) fn blocks(pem: &str) -> Result<Vec<Pem>, CertificateError> {
    let blocks = Pem::iter_from_buffer(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
    let certificates = blocks.into_iter().filter(|it| it.label == "CERTIFICATE");
    Ok(certificates.collect())
}

fn system_time(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moved = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
