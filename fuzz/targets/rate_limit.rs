//! Requests to the rate limit service of any bytes, one after the other: answered in a form that
//! Envoy understands, one status for each descriptor.
#![no_main]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use bytes::{Buf, Bytes};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tollgate_budget::{Bounds, Clock, MemoryStore};
use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};
use tollgate_envoy::{
    Message,
    ratelimit::{RateLimitRequest, RateLimitResponse, rate_limit_response::Code},
};
use tollgate_fuzz::Settings;
use tollgate_ratelimit::{Headers, Service, Telemetry, fuzzing::decide};

/// Requests of one input.
const REQUESTS_MAX: usize = 32;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

fuzz_target!(|input: &[u8]| {
    let mut settings = Settings::new(input);
    let headers = match settings.byte() & 1 {
        0 => Headers::Envoy,
        _ => Headers::Service,
    };
    let service = service(headers);
    let mut rest = Bytes::copy_from_slice(settings.rest());
    for _ in 0..REQUESTS_MAX {
        if rest.len() < 2 {
            break;
        }
        let length = usize::from(rest.get_u16()).min(rest.len());
        check(&service, rest.split_to(length));
    }
});

fn check(service: &Service, message: Bytes) {
    let theirs = RateLimitRequest::decode(message.clone());
    let Some(decided) = RUNTIME.block_on(decide(service, message)) else {
        assert!(theirs.is_err(), "what Envoy says is understood");
        return;
    };
    let Ok(answer) = decided else {
        return;
    };
    let answer = RateLimitResponse::decode(answer).expect("what Envoy understands");
    if let Ok(theirs) = theirs {
        assert_eq!(answer.statuses.len(), theirs.descriptors.len());
    }
    let refused = answer
        .statuses
        .iter()
        .any(|status| status.code() == Code::OverLimit);
    match answer.overall_code() {
        // A quota may be used up without a refusal, which the metadata then says.
        Code::Ok => assert!(!refused || answer.dynamic_metadata.is_some(), "{answer:?}"),
        Code::OverLimit => {}
        Code::Unknown => panic!("no decision: {answer:?}"),
    }
}

/// A service with limits of every kind, on which nothing was charged yet.
fn service(headers: Headers) -> Arc<Service> {
    let clock = Clock::new(|| 1_773_489_600_000);
    let bounds = Bounds {
        accounts_max: 4_096,
        holds_max: 16,
        settled_ids_max: 16,
        ..Bounds::default()
    };
    let store = MemoryStore::new(clock.clone(), bounds);
    let service = Service::new(Arc::new(store), clock, headers, Telemetry::default());
    service.apply(&BTreeMap::from([("d".to_owned(), limits())]));
    service
}

fn limits() -> Vec<RateLimit> {
    let limit = |id: &str, entries: &[(&str, Option<&str>)], amount, window| RateLimit {
        id: id.to_owned(),
        entries: entries
            .iter()
            .map(|(key, value)| DescriptorEntry {
                key: (*key).to_owned(),
                value: value.map(str::to_owned),
            })
            .collect(),
        amount,
        window,
        ..RateLimit::default()
    };
    vec![
        limit("any", &[("k", None)], 3, WindowKind::Minute),
        limit("any-day", &[("k", None)], 5, WindowKind::Day),
        limit("exact", &[("k", Some("v"))], 2, WindowKind::Hour),
        limit("two", &[("k", None), ("l", Some("v"))], 1, WindowKind::Week),
        limit("zero", &[("z", None)], 0, WindowKind::Lifetime),
        RateLimit {
            charged_later: true,
            ..limit(
                "cost",
                &[("c", None)],
                u64::MAX,
                WindowKind::Sliding(60_000),
            )
        },
        RateLimit {
            shadow: true,
            ..limit("shadow", &[("s", None)], 1, WindowKind::Year)
        },
        RateLimit {
            quota_group: Some("g".to_owned()),
            ..limit("quota", &[("q", None)], 2, WindowKind::Month)
        },
        RateLimit {
            quota_group: Some("g".to_owned()),
            ..limit("quota-second", &[("q", None)], 1, WindowKind::Second)
        },
    ]
}
