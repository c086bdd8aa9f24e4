//! A private key in PEM: whether it can be read, is one that the proxy takes, and is that of a
//! certificate. Nothing is computed: the public half stands beside the private one.

use x509_parser::pem::Pem;

use super::der::{BIT_STRING, Der, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, magnitude};
use super::pem::PublicKey;

/// `rsaEncryption`, 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `id-ecPublicKey`, 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// P-256, P-384 and P-521: the curves that Envoy takes.
const CURVES: [&[u8]; 3] = [
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    &[0x2b, 0x81, 0x04, 0x00, 0x22],
    &[0x2b, 0x81, 0x04, 0x00, 0x23],
];
/// Envoy takes no shorter RSA keys.
const RSA_BITS_MIN: usize = 2_048;
/// `[1]` with the public key in an ECPrivateKey (RFC 5915 section 3).
const EC_PUBLIC_KEY: u8 = 0xa1;
/// `[1]` with the public key in a OneAsymmetricKey (RFC 5958 section 2).
const PKCS8_PUBLIC_KEY: u8 = 0x81;

/// What a private key says about itself.
#[derive(Debug)]
pub(super) struct PrivateKey<'a> {
    algorithm: &'a [u8],
    /// Modulus of RSA.
    modulus: Option<&'a [u8]>,
    /// Public key of the other algorithms, where it stands beside the private one.
    public: Option<&'a [u8]>,
}

/// Checks a key, and that it belongs to a certificate as far as the key tells.
pub(super) fn check(text: &str, public: &PublicKey) -> Result<(), String> {
    let pem = key_block(text)?;
    let key = read(&pem).ok_or_else(|| {
        let rule = "an RSA, EC or PKCS#8 key that is not encrypted";
        format!("PEM block {:?} is not {rule}", pem.label)
    })?;
    let mismatch = || "is not the key of the certificate".to_string();
    if key.algorithm != public.algorithm {
        return Err(mismatch());
    }
    if public.algorithm == EC && !CURVES.contains(&public.curve.as_slice()) {
        return Err("is on a curve other than P-256, P-384 and P-521".to_string());
    }
    if let Some(modulus) = key.modulus {
        let bits = bits(modulus);
        if bits < RSA_BITS_MIN {
            return Err(format!(
                "is an RSA key of {bits} bits, and must have at least {RSA_BITS_MIN}"
            ));
        }
        if rsa_modulus(&public.bits) != Some(modulus) {
            return Err(mismatch());
        }
    }
    match key.public {
        Some(bits) if bits != public.bits => Err(mismatch()),
        Some(_) | None => Ok(()),
    }
}

/// The block with the key. EC keys may have one with parameters before it.
fn key_block(text: &str) -> Result<Pem, String> {
    for pem in Pem::iter_from_buffer(text.as_bytes()) {
        let pem = pem.map_err(|_| "a PEM block cannot be read".to_string())?;
        if pem.label.ends_with("PRIVATE KEY") {
            return Ok(pem);
        }
    }
    Err("holds no private key in PEM".to_string())
}

/// What is in a block with a key; `None` where that cannot be told.
pub(super) fn read(pem: &Pem) -> Option<PrivateKey<'_>> {
    let body = Der::new(&pem.contents).expect(SEQUENCE)?;
    match pem.label.as_str() {
        "RSA PRIVATE KEY" => read_rsa(body),
        "EC PRIVATE KEY" => read_ec(body),
        "PRIVATE KEY" => read_pkcs8(body),
        _ => None,
    }
}

/// RSAPrivateKey (RFC 8017 appendix A.1.2): version, modulus, and so on.
fn read_rsa(body: &[u8]) -> Option<PrivateKey<'_>> {
    let mut fields = Der::new(body);
    fields.expect(INTEGER)?;
    let modulus = magnitude(fields.expect(INTEGER)?);
    Some(PrivateKey {
        algorithm: RSA,
        modulus: Some(modulus),
        public: None,
    })
}

/// ECPrivateKey (RFC 5915 section 3): version, key, parameters, public key.
fn read_ec(body: &[u8]) -> Option<PrivateKey<'_>> {
    let mut fields = Der::new(body);
    fields.expect(INTEGER)?;
    fields.expect(OCTET_STRING)?;
    let public = fields
        .find(EC_PUBLIC_KEY)
        .and_then(|tagged| Der::new(tagged).expect(BIT_STRING))
        // The first byte counts bits that are not used.
        .and_then(|bits| bits.get(1..));
    Some(PrivateKey {
        algorithm: EC,
        modulus: None,
        public,
    })
}

/// OneAsymmetricKey (RFC 5958 section 2): version, algorithm, key, attributes, public key.
fn read_pkcs8(body: &[u8]) -> Option<PrivateKey<'_>> {
    let mut fields = Der::new(body);
    fields.expect(INTEGER)?;
    let algorithm = Der::new(fields.expect(SEQUENCE)?).expect(OBJECT_IDENTIFIER)?;
    let key = fields.expect(OCTET_STRING)?;
    match algorithm {
        RSA => read_rsa(Der::new(key).expect(SEQUENCE)?),
        EC => read_ec(Der::new(key).expect(SEQUENCE)?),
        _ => Some(PrivateKey {
            algorithm,
            modulus: None,
            public: fields.find(PKCS8_PUBLIC_KEY).and_then(|bits| bits.get(1..)),
        }),
    }
}

/// Modulus of an RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa_modulus(public: &[u8]) -> Option<&[u8]> {
    let body = Der::new(public).expect(SEQUENCE)?;
    Der::new(body).expect(INTEGER).map(magnitude)
}

fn bits(magnitude: &[u8]) -> usize {
    let first = magnitude.first().copied().unwrap_or_default();
    let unused = usize::try_from(first.leading_zeros()).unwrap_or_default();
    (magnitude.len() * 8).saturating_sub(unused)
}
