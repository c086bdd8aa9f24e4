//! What descriptors ask of the ledger.

use std::collections::BTreeMap;

use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};

use super::{Invalid, plan};
use crate::{
    bounds::{DESCRIPTORS_MAX, ENTRIES_MAX},
    limits::Limits,
    telemetry::Telemetry,
    wire::{Descriptor, Entry, Override, RateLimitRequest, UInt64Value},
};

fn limit(id: &str) -> RateLimit {
    RateLimit {
        id: id.to_string(),
        entries: vec![DescriptorEntry {
            key: id.to_string(),
            value: None,
        }],
        amount: 10,
        window: WindowKind::Day,
        ..RateLimit::default()
    }
}

fn limits() -> Limits {
    let limits = vec![
        limit("plain"),
        RateLimit {
            charged_later: true,
            ..limit("later")
        },
        RateLimit {
            shadow: true,
            ..limit("shadow")
        },
        RateLimit {
            quota_group: Some("g".to_string()),
            ..limit("quota")
        },
    ];
    Limits::compile(
        &BTreeMap::from([("d".to_string(), limits)]),
        &Telemetry::default(),
    )
}

fn descriptor(key: &str) -> Descriptor {
    Descriptor {
        entries: vec![Entry {
            key: key.to_string().into(),
            value: "alice".into(),
        }],
        ..Descriptor::default()
    }
}

fn request(hits_addend: u32, descriptors: Vec<Descriptor>) -> RateLimitRequest {
    RateLimitRequest {
        domain: "d".into(),
        descriptors,
        hits_addend,
    }
}

/// Amount and force of the one charge.
fn charge(hits_addend: u32, descriptor: Descriptor) -> (i64, bool) {
    let limits = limits();
    let plan = plan(&limits, &request(hits_addend, vec![descriptor])).unwrap();
    assert_eq!(plan.spends.len(), 1);
    (plan.spends[0].amount, plan.spends[0].forced)
}

fn stated(key: &str, value: u64) -> Descriptor {
    Descriptor {
        hits_addend: Some(UInt64Value { value }),
        ..descriptor(key)
    }
}

#[test]
fn a_request_without_an_addend_asks_for_one_and_is_not_forced() {
    for key in ["plain", "later"] {
        assert_eq!(charge(0, descriptor(key)), (1, false), "{key}");
        assert_eq!(charge(5, descriptor(key)), (5, false), "{key}");
    }
}

#[test]
fn a_descriptors_addend_goes_before_the_requests() {
    assert_eq!(charge(5, stated("plain", 7)), (7, false));
    assert_eq!(charge(5, stated("plain", 0)), (0, false));
    assert_eq!(charge(5, stated("plain", u64::MAX)), (i64::MAX, false));
}

#[test]
fn a_stated_addend_is_forced_only_where_charges_come_after_the_fact() {
    assert_eq!(charge(0, stated("later", 7)), (7, true));
    assert_eq!(charge(0, stated("later", 0)), (0, false));
}

#[test]
fn a_refund_is_forced_whoever_states_the_addend() {
    let negative = |descriptor| Descriptor {
        is_negative_hits: true,
        ..descriptor
    };
    assert_eq!(charge(0, negative(stated("plain", 7))), (-7, true));
    assert_eq!(charge(3, negative(descriptor("plain"))), (-3, true));
    assert_eq!(
        charge(0, negative(stated("later", u64::MAX))),
        (-i64::MAX, true)
    );
    assert_eq!(charge(0, negative(stated("plain", 0))), (0, false));
}

#[test]
fn what_never_refuses_is_forced() {
    assert_eq!(charge(0, descriptor("shadow")), (1, true));
    assert_eq!(charge(0, descriptor("quota")), (1, true));
}

#[test]
fn descriptors_that_match_nothing_ask_for_nothing() {
    let limits = limits();
    let all = request(0, vec![descriptor("unknown"), Descriptor::default()]);
    assert!(plan(&limits, &all).unwrap().spends.is_empty());
    let elsewhere = RateLimitRequest {
        domain: "other".into(),
        ..request(0, vec![descriptor("plain")])
    };
    assert!(plan(&limits, &elsewhere).unwrap().spends.is_empty());
}

#[test]
fn a_limit_of_the_requests_own_replaces_amount_and_window() {
    let own = |key, unit| Descriptor {
        limit: Some(Override {
            requests_per_unit: 3,
            unit,
        }),
        ..descriptor(key)
    };
    let limits = limits();
    let request = request(0, vec![own("plain", 1), own("unknown", 7)]);
    let plan = plan(&limits, &request).unwrap();
    let accounts: Vec<_> = plan.spends.iter().map(|spend| &spend.account).collect();
    assert_eq!((&*accounts[0].budget, accounts[0].limit), ("plain", 3));
    assert_eq!(accounts[0].window, WindowKind::Second);
    assert_eq!(&*accounts[0].subject, "alice");
    assert_eq!((&*accounts[1].budget, accounts[1].limit), ("override", 3));
    assert_eq!(accounts[1].window, WindowKind::Week);
    assert_eq!(&*accounts[1].subject, "d|unknown|alice");
}

#[test]
fn a_request_beyond_bounds_or_reason_names_the_field() {
    let limits = limits();
    let refused = |request: &RateLimitRequest| plan(&limits, request).unwrap_err();
    let no_domain = RateLimitRequest {
        domain: "".into(),
        ..request(0, vec![descriptor("plain")])
    };
    assert_eq!(refused(&no_domain), Invalid::NoDomain);
    assert_eq!(refused(&request(0, Vec::new())), Invalid::NoDescriptors);
    let many = vec![descriptor("plain"); DESCRIPTORS_MAX + 1];
    assert_eq!(
        refused(&request(0, many)),
        Invalid::ManyDescriptors(DESCRIPTORS_MAX + 1)
    );
    let long = Descriptor {
        entries: vec![descriptor("plain").entries[0].clone(); ENTRIES_MAX + 1],
        ..Descriptor::default()
    };
    assert_eq!(
        refused(&request(0, vec![descriptor("plain"), long])),
        Invalid::ManyEntries(1, ENTRIES_MAX + 1)
    );
    let unit = Descriptor {
        limit: Some(Override {
            requests_per_unit: 1,
            unit: 9,
        }),
        ..descriptor("plain")
    };
    let error = refused(&request(0, vec![unit])).to_string();
    assert_eq!(
        error,
        "descriptors[0].limit.unit: must be a known unit of time; 9 is not"
    );
}
