//! Certificates and keys made for these tests, each with `openssl req -x509 -nodes`.

use proptest::prelude::*;
use tollgate_ir::Hostname;
use x509_parser::pem::Pem;

use super::{key, pem};

macro_rules! example {
    ($name:literal) => {
        include_str!(concat!("../../testdata/certificates/", $name, ".pem"))
    };
}

const WEB: &str = example!("web.crt");
const WEB_KEY: &str = example!("web.key");
const API: &str = example!("api.crt");

/// Checks a certificate with a key.
fn check(chain: &str, key: &str) -> Result<(), String> {
    key::check(key, &pem::leaf(chain)?.public_key)
}

#[test]
fn a_key_of_any_encoding_belongs_to_its_certificate() {
    for (chain, key) in [
        (WEB, WEB_KEY),
        (WEB, example!("web.sec1.key")),
        (example!("rsa.crt"), example!("rsa.key")),
        (example!("rsa.crt"), example!("rsa.pkcs1.key")),
        (example!("ed.crt"), example!("ed.key")),
    ] {
        assert_eq!(check(chain, key), Ok(()), "{chain}{key}");
    }
    let with_parameters = format!(
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{WEB_KEY}"
    );
    assert_eq!(check(WEB, &with_parameters), Ok(()));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let mismatch = Err("is not the key of the certificate".to_string());
    assert_eq!(check(API, WEB_KEY), mismatch);
    assert_eq!(check(API, example!("web.sec1.key")), mismatch);
    assert_eq!(check(WEB, example!("rsa.key")), mismatch);
    assert_eq!(check(example!("rsa.crt"), example!("ed.key")), mismatch);
}

#[test]
fn a_key_that_the_proxy_does_not_take_is_refused() {
    let refused = |chain, key, rule: &str| {
        let error = check(chain, key).unwrap_err();
        assert!(error.contains(rule), "{error}");
    };
    refused(
        example!("old.crt"),
        example!("old.key"),
        "RSA key of 1024 bits",
    );
    refused(example!("k1.crt"), example!("k1.key"), "curve");
    refused(WEB, "hello world", "no private key");
    refused(WEB, WEB, "no private key");
    let encrypted = WEB_KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    refused(WEB, &encrypted, "not encrypted");
    let cut = "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n";
    refused(WEB, cut, "not encrypted");
    let broken = "-----BEGIN PRIVATE KEY-----\n";
    refused(WEB, broken, "cannot be read");
}

#[test]
fn every_certificate_of_a_chain_must_be_one() {
    assert!(pem::leaf(&format!("{WEB}{API}")).is_ok());
    let refused = |chain: &str, rule: &str| {
        let error = pem::leaf(chain).unwrap_err();
        assert!(error.contains(rule), "{error}");
    };
    refused("hello world", "no certificate");
    refused(&format!("{WEB}{WEB_KEY}"), "block 2 is \"PRIVATE KEY\"");
    let nonsense = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
    refused(&format!("{WEB}{nonsense}"), "block 2 is no X.509");
}

#[test]
fn a_certificate_tells_the_host_names_it_is_for() {
    let names = pem::leaf(WEB).unwrap().names;
    let expect = ["example.org", "*.wildcard.org"].map(|name| Hostname::parse(Some(name)));
    assert_eq!(names, expect);
}

#[test]
fn lengths_that_lie_are_no_values() {
    use super::der::Der;
    for bytes in [
        &[0x30][..],
        &[0x30, 0x05, 0x00],
        &[0x30, 0x80],
        &[0x30, 0x85, 1, 1, 1, 1, 1],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x82, 0x01],
    ] {
        assert!(Der::new(bytes).next().is_none(), "{bytes:?}");
    }
    assert_eq!(
        Der::new(&[0x02, 0x81, 0x01, 0x07]).next(),
        Some((0x02, &[7][..]))
    );
}

proptest! {
    #[test]
    fn whatever_a_key_holds_is_read_or_refused(
        label in prop_oneof![Just("PRIVATE KEY"), Just("EC PRIVATE KEY"), Just("RSA PRIVATE KEY")],
        mut contents in prop::collection::vec(any::<u8>(), 0..200),
        sequence in any::<bool>(),
    ) {
        if sequence && contents.len() >= 2 {
            contents[0] = 0x30;
            contents[1] = u8::try_from(contents.len() - 2).unwrap() & 0x7f;
        }
        let _ = key::read(&Pem { label: label.to_string(), contents });
    }

    #[test]
    fn whatever_a_chain_is_it_is_read_or_refused(text in ".{0,300}") {
        let _ = pem::leaf(&text);
        let _ = pem::leaf(&format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----"));
    }
}
