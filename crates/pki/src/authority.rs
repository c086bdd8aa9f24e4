//! The authority: makes itself, and signs what servers and proxies show.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use tollgate_secret::Secret;

use crate::{CertificateError, Identity, Validity, certificate};

/// Life of an authority: ten years.
pub const AUTHORITY_VALID_FOR: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Life of a certificate that an authority signs: 90 days.
pub const LEAF_VALID_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// Clocks of machines differ: a certificate counts from a little before it was made.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// A certificate authority with its key.
pub struct Authority {
    certificate_pem: String,
    /// What peers trust: this one, and those before it that still count.
    trust_pem: String,
    validity: Validity,
    common_name: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Shows no key.
impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("common_name", &self.common_name)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

// === impl Authority ===

impl Authority {
    /// Makes a new authority (ECDSA P-256, signed by itself) that signs end certificates only.
    ///
    /// # Errors
    ///
    /// Where `common_name` cannot stand in a certificate, or there is no randomness.
    pub fn new(
        common_name: &str,
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<Self, CertificateError> {
        let mut params = params(common_name, now, now + valid_for);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = new_key()?;
        let made = params.self_signed(&key).map_err(CertificateError::Make)?;
        Self::with_key(&made.pem(), key)
    }

    /// Reads an authority: `certificate_pem` is its certificate, followed by those of earlier
    /// authorities that are still trusted.
    ///
    /// # Errors
    ///
    /// Where either text cannot be read, the key is another one's, or the certificate may not sign.
    pub fn from_pem(
        certificate_pem: &str,
        key_pem: &Secret<String>,
    ) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pem(key_pem.expose()).map_err(CertificateError::Key)?;
        Self::with_key(certificate_pem, key)
    }

    fn with_key(trust_pem: &str, key: KeyPair) -> Result<Self, CertificateError> {
        let validity = certificate::read_first(trust_pem, |certificate| {
            let subject = certificate.subject().to_string();
            if certificate.public_key().raw != key.subject_public_key_info() {
                return Err(CertificateError::KeyMismatch { subject });
            }
            if !certificate.is_ca() {
                return Err(CertificateError::NoAuthority { subject });
            }
            let common_name = certificate.subject().iter_common_name().next();
            let common_name = common_name.and_then(|it| it.as_str().ok());
            Ok((
                certificate::validity_of(certificate),
                common_name.unwrap_or_default().to_string(),
            ))
        })?;
        let (validity, common_name) = validity?;
        let first = certificate::blocks(trust_pem)?
            .into_iter()
            .next()
            .ok_or(CertificateError::NoPem)?;
        let issuer = Issuer::from_ca_cert_der(&first.contents.into(), key)
            .map_err(CertificateError::Make)?;
        Ok(Self {
            certificate_pem: first_block(trust_pem),
            trust_pem: trust_pem.to_string(),
            validity,
            common_name,
            issuer,
        })
    }

    /// Makes the one that follows: a new key under the same name. What it signs is trusted by
    /// whoever has read its [`Authority::trust_pem`], in which those before it stand as long as
    /// they count.
    ///
    /// # Errors
    ///
    /// As [`Authority::new`].
    pub fn succeeded(
        &self,
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<Self, CertificateError> {
        let mut next = Self::new(&self.common_name, valid_for, now)?;
        for block in split_blocks(&self.trust_pem) {
            if certificate::validity(&block).is_ok_and(|it| it.holds_at(now)) {
                next.trust_pem.push_str(&block);
            }
        }
        Ok(next)
    }

    /// Signs a certificate of a server with these DNS names.
    ///
    /// # Errors
    ///
    /// Where a name cannot stand in a certificate.
    pub fn issue_server(
        &self,
        dns_names: &[String],
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<Identity, CertificateError> {
        let names = dns_names
            .iter()
            .map(|name| Ok(SanType::DnsName(ia5(name)?)))
            .collect::<Result<Vec<_>, CertificateError>>()?;
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        self.issue("tollgate server", names, usage, now..now + valid_for)
    }

    /// Signs a certificate of a client that is this URI.
    ///
    /// # Errors
    ///
    /// Where the URI cannot stand in a certificate.
    pub fn issue_client(
        &self,
        uri: &str,
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<Identity, CertificateError> {
        let names = vec![SanType::URI(ia5(uri)?)];
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        self.issue("tollgate client", names, usage, now..now + valid_for)
    }

    /// A certificate does not outlive its authority.
    fn issue(
        &self,
        common_name: &str,
        names: Vec<SanType>,
        usage: ExtendedKeyUsagePurpose,
        life: std::ops::Range<SystemTime>,
    ) -> Result<Identity, CertificateError> {
        let end = life.end.min(self.validity.not_after);
        let mut params = params(common_name, life.start, end);
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let made = params
            .signed_by(&key, &self.issuer)
            .map_err(CertificateError::Make)?;
        Ok(Identity {
            chain_pem: made.pem(),
            key_pem: Secret::new(key.serialize_pem()),
            ca_pem: self.trust_pem.clone(),
        })
    }

    /// Its own certificate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its own certificate, and those of earlier authorities that are still trusted: what
    /// [`Authority::from_pem`] reads, and what peers are given as `ca.crt`.
    pub fn trust_pem(&self) -> &str {
        &self.trust_pem
    }

    /// Its key.
    pub fn key_pem(&self) -> Secret<String> {
        Secret::new(self.issuer.key().serialize_pem())
    }

    /// When it counts.
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

fn params(common_name: &str, now: SystemTime, end: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = whole_seconds(now - BACKDATED).into();
    params.not_after = whole_seconds(end).into();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

/// Certificates know no fractions of a second.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.unwrap_or_default().as_secs())
}

fn new_key() -> Result<KeyPair, CertificateError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Make)
}

fn ia5(name: &str) -> Result<rcgen::string::Ia5String, CertificateError> {
    name.try_into().map_err(|source| CertificateError::Name {
        name: name.to_string(),
        source,
    })
}

fn first_block(pem: &str) -> String {
    split_blocks(pem).into_iter().next().unwrap_or_default()
}

/// The certificates of a PEM text, each with its frame and a line end.
fn split_blocks(pem: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let parts = pem.split_inclusive(END);
    parts
        .filter_map(|part| {
            let begin = part.find("-----BEGIN CERTIFICATE-----")?;
            let block = part.get(begin..)?;
            block.ends_with(END).then(|| format!("{block}\n"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
