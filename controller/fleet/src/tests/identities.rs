//! When a fleet needs a new certificate.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tollgate_pki::{AUTHORITY_VALID_FOR, Authority, GatewayIdentity, LEAF_VALID_FOR};

use super::fleets;
use crate::{identity_due, identity_of, identity_secret};

const GATEWAY: &str = include_str!("../../testdata/a-gateway-alone-has-one-small-proxy.in.yaml");
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The Secret of a fleet, made now, and what it must be.
struct Made {
    now: SystemTime,
    secret: Value,
    identity: GatewayIdentity,
    ca_pem: String,
}

fn made() -> Made {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let [spec] = fleets(GATEWAY).try_into().unwrap();
    let authority = Authority::new("tollgate", AUTHORITY_VALID_FOR, now).unwrap();
    let identity = identity_of(&spec).unwrap();
    let issued = authority
        .issue_client(&identity.uri(), LEAF_VALID_FOR, now)
        .unwrap();
    Made {
        now,
        secret: identity_secret(&spec, &issued),
        ca_pem: issued.ca_pem,
        identity,
    }
}

#[test]
fn identity_is_due_where_there_is_none() {
    let Made {
        now,
        identity,
        ca_pem,
        ..
    } = made();
    assert!(identity_due(None, &identity, &ca_pem, now));
}

#[test]
fn identity_is_due_after_two_thirds_of_its_life() {
    let Made {
        now,
        secret,
        identity,
        ca_pem,
    } = made();
    let due = |after: Duration| identity_due(Some(&secret), &identity, &ca_pem, now + after);
    assert!(!due(Duration::ZERO));
    assert!(!due(DAY * 59));
    assert!(due(DAY * 61));
    assert!(due(DAY * 100));
}

#[test]
fn identity_of_another_gateway_is_due() {
    let Made {
        now,
        secret,
        ca_pem,
        ..
    } = made();
    let other = GatewayIdentity::gateway("default", "other").unwrap();
    assert!(identity_due(Some(&secret), &other, &ca_pem, now));
}

#[test]
fn identity_is_due_when_the_authority_is_another() {
    let Made {
        now,
        secret,
        identity,
        ..
    } = made();
    let other = Authority::new("tollgate", AUTHORITY_VALID_FOR, now).unwrap();
    assert!(identity_due(
        Some(&secret),
        &identity,
        other.trust_pem(),
        now
    ));
}

#[test]
fn identity_that_cannot_be_read_is_due() {
    let Made {
        now,
        secret,
        identity,
        ca_pem,
    } = made();
    for (field, value) in [
        ("tls.crt", json!("bm90IGEgY2VydGlmaWNhdGU=")),
        ("tls.crt", json!("???")),
        ("tls.key", json!("")),
        ("ca.crt", Value::Null),
    ] {
        let mut broken = secret.clone();
        broken["data"][field] = value;
        assert!(
            identity_due(Some(&broken), &identity, &ca_pem, now),
            "{field}"
        );
    }
}

#[test]
fn secret_of_an_identity_is_of_its_fleet() {
    let secret = made().secret;
    assert_eq!(secret["type"], "kubernetes.io/tls");
    assert_eq!(secret["metadata"]["name"], "eg-tollgate-identity");
    assert_eq!(crate::fleet_of(&secret), Some(("default", "eg-tollgate")));
}
