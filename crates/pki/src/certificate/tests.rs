//! Certificates of strangers.

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, SanType};

use super::{peer_uri, validity};

fn der(names: Vec<SanType>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

#[test]
fn a_certificate_with_two_uris_is_nobody_s() {
    assert_eq!(peer_uri(&der(vec![uri("a:b"), uri("a:c")])), None);
    let dns = SanType::DnsName("a".try_into().unwrap());
    assert_eq!(peer_uri(&der(vec![dns.clone()])), None);
    assert_eq!(peer_uri(&der(vec![dns, uri("a:b")])), Some("a:b".into()));
}

proptest! {
    #[test]
    fn bytes_never_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = peer_uri(&bytes);
        let _ = validity(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_certificate_never_makes_the_reader_panic(at in 0usize..400, to in any::<u8>()) {
        let mut der = der(vec![uri("spiffe://tollgate/class/a")]);
        let at = at % der.len();
        der[at] = to;
        let _ = peer_uri(&der);
    }
}
