//! What an authority signs, read again.

use std::time::{Duration, SystemTime};

use tollgate_secret::Secret;
use x509_parser::{pem::Pem, prelude::X509Certificate};

use super::{AUTHORITY_VALID_FOR, Authority, LEAF_VALID_FOR, split_blocks};
use crate::{CertificateError, dns_names, validity};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn authority() -> Authority {
    Authority::new("tollgate", AUTHORITY_VALID_FOR, now()).unwrap()
}

fn read<R>(pem: &str, read: impl FnOnce(&X509Certificate<'_>) -> R) -> R {
    let block = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap();
    read(&block.unwrap().parse_x509().unwrap())
}

#[test]
fn a_server_certificate_has_its_names_its_life_and_the_authority_s_signature() {
    let authority = authority();
    let names = ["a.b.svc".to_string(), "a.b.svc.cluster.local".to_string()];
    let server = authority
        .issue_server(&names, LEAF_VALID_FOR, now())
        .unwrap();
    assert_eq!(dns_names(&server.chain_pem).unwrap(), names);
    let life = server.validity().unwrap();
    assert_eq!(life.not_before, now() - Duration::from_secs(300));
    assert_eq!(life.not_after, now() + 90 * DAY);
    read(authority.certificate_pem(), |ca| {
        read(&server.chain_pem, |leaf| {
            leaf.verify_signature(Some(ca.public_key())).unwrap();
            let usage = leaf.extended_key_usage().unwrap().unwrap().value;
            assert!(usage.server_auth && !usage.client_auth);
            assert!(!leaf.is_ca());
        });
    });
}

#[test]
fn a_client_certificate_is_for_clients_and_has_one_uri() {
    let uri = "spiffe://tollgate/gateway/a/b";
    let client = authority()
        .issue_client(uri, LEAF_VALID_FOR, now())
        .unwrap();
    read(&client.chain_pem, |leaf| {
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
    });
    let block = Pem::iter_from_buffer(client.chain_pem.as_bytes()).next();
    let der = block.unwrap().unwrap().contents;
    assert_eq!(crate::peer_uri(&der).as_deref(), Some(uri));
}

#[test]
fn a_certificate_is_renewed_after_two_thirds_of_its_life() {
    let client = authority()
        .issue_client("spiffe://a", 30 * DAY, now())
        .unwrap();
    let renew_at = client.renew_at().unwrap();
    assert!(renew_at < now() + 20 * DAY);
    assert!(renew_at > now() + 19 * DAY);
}

#[test]
fn an_authority_read_from_its_pem_signs_what_the_first_one_is_trusted_for() {
    let first = authority();
    let again = Authority::from_pem(first.trust_pem(), &first.key_pem()).unwrap();
    assert_eq!(again.validity(), first.validity());
    let client = again.issue_client("spiffe://a", DAY, now()).unwrap();
    assert_eq!(client.ca_pem, first.certificate_pem());
    read(first.certificate_pem(), |ca| {
        read(&client.chain_pem, |leaf| {
            leaf.verify_signature(Some(ca.public_key())).unwrap();
        });
    });
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let authority = Authority::new("tollgate", 10 * DAY, now()).unwrap();
    let client = authority
        .issue_client("spiffe://a", 90 * DAY, now())
        .unwrap();
    let end = client.validity().unwrap().not_after;
    assert_eq!(end, authority.validity().not_after);
}

#[test]
fn a_successor_is_trusted_beside_those_before_it_until_they_end() {
    let first = Authority::new("tollgate", 10 * DAY, now()).unwrap();
    let second = first.succeeded(10 * DAY, now() + 7 * DAY).unwrap();
    assert_eq!(split_blocks(second.trust_pem()).len(), 2);
    assert!(second.trust_pem().starts_with(second.certificate_pem()));
    assert!(second.trust_pem().ends_with(first.certificate_pem()));
    let again = Authority::from_pem(second.trust_pem(), &second.key_pem()).unwrap();
    assert_eq!(again.certificate_pem(), second.certificate_pem());
    let third = again.succeeded(10 * DAY, now() + 14 * DAY).unwrap();
    let trusted = split_blocks(third.trust_pem());
    assert_eq!(trusted, [third.certificate_pem(), second.certificate_pem()]);
}

#[test]
fn a_key_of_somebody_else_is_refused() {
    let (one, two) = (authority(), authority());
    let refused = Authority::from_pem(one.trust_pem(), &two.key_pem());
    assert!(matches!(refused, Err(CertificateError::KeyMismatch { .. })));
}

#[test]
fn an_end_certificate_is_no_authority() {
    let leaf = authority().issue_client("spiffe://a", DAY, now()).unwrap();
    let refused = Authority::from_pem(&leaf.chain_pem, &leaf.key_pem);
    assert!(matches!(refused, Err(CertificateError::NoAuthority { .. })));
}

#[test]
fn texts_that_are_no_pem_are_refused() {
    let authority = authority();
    for text in [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(validity(text).is_err(), "{text:?}");
        assert!(Authority::from_pem(text, &authority.key_pem()).is_err());
        let key = Secret::new(text.to_string());
        assert!(Authority::from_pem(authority.trust_pem(), &key).is_err());
    }
}

#[test]
fn names_that_are_not_ascii_are_refused() {
    let refused = authority().issue_server(&["ä.example".to_string()], DAY, now());
    assert!(matches!(refused, Err(CertificateError::Name { .. })));
}

#[test]
fn an_authority_prints_no_key() {
    let authority = authority();
    let key = authority.key_pem();
    let line = key.expose().lines().nth(1).unwrap();
    assert!(!format!("{authority:?}").contains(line));
}
