//! Our messages against Envoy's own definitions: what one encodes, the other understands.

use prost::Message;
use tollgate_envoy::{
    core, http_type,
    ratelimit::{self, rate_limit_response},
    ratelimit_descriptor as descriptor,
    well_known::{self, Struct, Value, value::Kind},
};

use super::*;

#[test]
fn envoys_requests_are_understood() {
    let theirs = ratelimit::RateLimitRequest {
        domain: "d".to_string(),
        descriptors: vec![descriptor::RateLimitDescriptor {
            entries: vec![descriptor::rate_limit_descriptor::Entry {
                key: "k".to_string(),
                value: "v".to_string(),
            }],
            limit: Some(descriptor::rate_limit_descriptor::RateLimitOverride {
                requests_per_unit: 7,
                unit: http_type::RateLimitUnit::Month.into(),
            }),
            hits_addend: Some(well_known::UInt64Value { value: u64::MAX }),
            is_negative_hits: true,
        }],
        hits_addend: 3,
    };
    let ours = RateLimitRequest {
        domain: "d".into(),
        descriptors: vec![Descriptor {
            entries: vec![Entry {
                key: "k".into(),
                value: "v".into(),
            }],
            limit: Some(Override {
                requests_per_unit: 7,
                unit: 5,
            }),
            hits_addend: Some(UInt64Value { value: u64::MAX }),
            is_negative_hits: true,
        }],
        hits_addend: 3,
    };
    let bytes = theirs.encode_to_vec();
    assert_eq!(RateLimitRequest::decode(&bytes[..]).unwrap(), ours);
    assert_eq!(ours.encode_to_vec(), bytes);
}

#[test]
fn a_value_that_is_not_text_is_readable_all_the_same() {
    let request = RateLimitRequest {
        domain: "d".into(),
        descriptors: vec![Descriptor {
            entries: vec![Entry {
                key: "k".into(),
                value: Bytes::from_static(b"\xff"),
            }],
            ..Descriptor::default()
        }],
        hits_addend: 0,
    };
    let bytes = request.encode_to_vec();
    assert_eq!(RateLimitRequest::decode(&bytes[..]).unwrap(), request);
    assert!(ratelimit::RateLimitRequest::decode(&bytes[..]).is_err());
}

#[test]
fn envoy_understands_our_answers() {
    let metadata = Struct {
        fields: [(
            "a".to_string(),
            Value {
                kind: Some(Kind::BoolValue(true)),
            },
        )]
        .into(),
    };
    let ours = RateLimitResponse {
        overall_code: OVER_LIMIT,
        statuses: vec![DescriptorStatus {
            code: OK,
            current_limit: Some(CurrentLimit {
                requests_per_unit: 5,
                unit: 7,
            }),
            limit_remaining: 4,
            duration_until_reset: Some(Duration {
                seconds: 60,
                nanos: 0,
            }),
        }],
        response_headers_to_add: vec![HeaderValue {
            key: "retry-after".to_string(),
            value: "1".to_string(),
        }],
        dynamic_metadata: Some(metadata.clone()),
    };
    let theirs = ratelimit::RateLimitResponse {
        overall_code: rate_limit_response::Code::OverLimit.into(),
        statuses: vec![rate_limit_response::DescriptorStatus {
            code: rate_limit_response::Code::Ok.into(),
            current_limit: Some(rate_limit_response::RateLimit {
                name: String::new(),
                requests_per_unit: 5,
                unit: rate_limit_response::rate_limit::Unit::Week.into(),
            }),
            limit_remaining: 4,
            duration_until_reset: Some(Duration {
                seconds: 60,
                nanos: 0,
            }),
            quota: None,
        }],
        response_headers_to_add: vec![core::HeaderValue {
            key: "retry-after".to_string(),
            value: "1".to_string(),
            ..core::HeaderValue::default()
        }],
        dynamic_metadata: Some(metadata),
        ..ratelimit::RateLimitResponse::default()
    };
    let bytes = ours.encode_to_vec();
    assert_eq!(
        ratelimit::RateLimitResponse::decode(&bytes[..]).unwrap(),
        theirs
    );
}

#[test]
fn units_are_envoys() {
    use rate_limit_response::rate_limit::Unit;
    for (unit, window) in [
        (Unit::Second, "Second"),
        (Unit::Minute, "Minute"),
        (Unit::Hour, "Hour"),
        (Unit::Day, "Day"),
        (Unit::Week, "Week"),
        (Unit::Month, "Month"),
        (Unit::Year, "Year"),
    ] {
        let ours = crate::unit::to_window(unit.into()).unwrap();
        assert_eq!(format!("{ours:?}"), window);
    }
    for unit in 1..=6 {
        let theirs = http_type::RateLimitUnit::try_from(unit).unwrap();
        assert_eq!(
            theirs.as_str_name(),
            Unit::try_from(unit).unwrap().as_str_name()
        );
    }
}
