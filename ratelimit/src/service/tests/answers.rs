//! What is answered, and what is charged.

use std::{collections::BTreeMap, sync::Arc};

use tollgate_budget::{AbsentStore, Clock};
use tollgate_bundle::{RateLimit, WindowKind};
use tonic::Code;

use super::{Rig, costs, gives_back, limit, of, ready};
use crate::{
    service::{Headers, Service},
    telemetry::Telemetry,
    wire::{Descriptor, OK, OVER_LIMIT, Override, RateLimitRequest, RateLimitResponse},
};

#[test]
fn requests_up_to_the_limit_are_served_and_the_next_is_refused() {
    let rig = Rig::new(vec![limit("user", 2, WindowKind::Minute)]);
    assert_eq!(rig.one(of("user", "alice")), (true, 1));
    assert_eq!(rig.one(of("user", "alice")), (true, 0));
    assert_eq!(rig.one(of("user", "alice")), (false, 0));
    assert_eq!(rig.one(of("user", "bob")), (true, 1));
}

#[test]
fn a_limit_of_nothing_refuses_the_first_request() {
    let rig = Rig::new(vec![limit("user", 0, WindowKind::Minute)]);
    assert_eq!(rig.one(of("user", "alice")), (false, 0));
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (false, 0));
}

#[test]
fn refused_requests_are_not_counted() {
    let rig = Rig::new(vec![limit("user", 10, WindowKind::Minute)]);
    assert_eq!(rig.one(costs(8, of("user", "alice"))), (true, 2));
    for _ in 0..1000 {
        assert_eq!(rig.one(costs(3, of("user", "alice"))), (false, 2));
    }
    assert_eq!(rig.one(costs(2, of("user", "alice"))), (true, 0));
}

#[test]
fn a_check_is_served_while_anything_is_left_and_charges_nothing() {
    let rig = Rig::new(vec![limit("user", 1, WindowKind::Minute)]);
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (true, 1));
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (true, 1));
    assert_eq!(rig.one(of("user", "alice")), (true, 0));
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (false, 0));
}

#[test]
fn a_charge_after_the_fact_counts_even_where_it_does_not_fit() {
    let rig = Rig::new(vec![RateLimit {
        charged_later: true,
        ..limit("user", 100, WindowKind::Hour)
    }]);
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (true, 100));
    assert_eq!(rig.one(costs(90, of("user", "alice"))), (true, 10));
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (true, 10));
    assert_eq!(rig.one(costs(50, of("user", "alice"))), (false, 0));
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (false, 0));
    // 140 were charged: it takes more than 40 back before anything is left.
    assert_eq!(rig.one(gives_back(40, of("user", "alice"))), (true, 0));
    assert_eq!(rig.one(gives_back(1, of("user", "alice"))), (true, 1));
}

#[test]
fn what_is_given_back_goes_down_to_nothing_and_into_no_later_window() {
    let rig = Rig::new(vec![limit("user", 5, WindowKind::Minute)]);
    assert_eq!(rig.one(costs(3, of("user", "alice"))), (true, 2));
    assert_eq!(rig.one(gives_back(1, of("user", "alice"))), (true, 3));
    assert_eq!(rig.one(gives_back(1000, of("user", "alice"))), (true, 5));
    assert_eq!(rig.one(gives_back(1000, of("user", "carol"))), (true, 5));
    assert_eq!(rig.one(costs(5, of("user", "alice"))), (true, 0));
    rig.pass(60_000);
    assert_eq!(rig.one(gives_back(5, of("user", "alice"))), (true, 5));
    assert_eq!(rig.one(costs(6, of("user", "alice"))), (false, 5));
}

#[test]
fn all_descriptors_must_fit_and_nothing_is_charged_where_one_does_not() {
    let rig = Rig::new(vec![
        limit("user", 10, WindowKind::Minute),
        limit("org", 1, WindowKind::Minute),
    ]);
    let both = || vec![of("user", "alice"), of("org", "acme"), of("unknown", "x")];
    let first = rig.ask(both());
    assert_eq!(first.overall_code, OK);
    let second = rig.ask(both());
    assert_eq!(second.overall_code, OVER_LIMIT);
    let codes = |answer: &RateLimitResponse| -> Vec<i32> {
        answer.statuses.iter().map(|status| status.code).collect()
    };
    assert_eq!(codes(&second), [OK, OVER_LIMIT, OK]);
    assert_eq!(second.statuses[0].limit_remaining, 9);
    assert_eq!(second.statuses[2].current_limit, None);
    // From memory: the same, but of the other account nothing is known.
    let third = rig.ask(both());
    assert_eq!(
        (third.overall_code, codes(&third)),
        (OVER_LIMIT, codes(&second))
    );
    assert_eq!(third.statuses[0].current_limit, None);
    assert_eq!(third.statuses[1], second.statuses[1]);
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (true, 9));
}

#[test]
fn of_two_limits_on_one_descriptor_the_status_shows_the_tighter() {
    let mut day = limit("user", 3, WindowKind::Day);
    day.id = "day".to_string();
    let rig = Rig::new(vec![limit("user", 2, WindowKind::Minute), day]);
    let (minute, day_unit) = (2, 4);
    let shown = || {
        let answer = rig.ask(vec![of("user", "alice")]);
        let status = &answer.statuses[0];
        let limit = status.current_limit.unwrap();
        (answer.overall_code, limit.unit, status.limit_remaining)
    };
    assert_eq!(shown(), (OK, minute, 1));
    assert_eq!(shown(), (OK, minute, 0));
    assert_eq!(shown(), (OVER_LIMIT, minute, 0));
    rig.pass(60_000);
    assert_eq!(shown(), (OK, day_unit, 0));
    // The day's wait is the longer.
    assert_eq!(shown(), (OVER_LIMIT, day_unit, 0));
}

#[test]
fn shadow_limits_count_and_never_refuse() {
    let shadow = RateLimit {
        shadow: true,
        ..limit("user", 1, WindowKind::Minute)
    };
    let rig = Rig::new(vec![shadow.clone(), limit("org", 3, WindowKind::Minute)]);
    for remaining in [2, 1, 0] {
        let answer = rig.ask(vec![of("user", "alice"), of("org", "acme")]);
        assert_eq!((answer.overall_code, answer.statuses[0].code), (OK, OK));
        assert_eq!(answer.statuses[0].limit_remaining, 0);
        assert_eq!(answer.statuses[1].limit_remaining, remaining);
    }
    // Enforced from now on: what was counted stands.
    let limits = vec![RateLimit {
        shadow: false,
        ..shadow
    }];
    rig.service
        .apply(&BTreeMap::from([("d".to_string(), limits)]));
    assert_eq!(rig.one(costs(0, of("user", "alice"))), (false, 0));
}

#[test]
fn every_unit_resets_when_its_calendar_says_so() {
    // From noon of Saturday, 2026-03-14.
    let units = [
        (WindowKind::Second, 1, 1),
        (WindowKind::Minute, 60, 2),
        (WindowKind::Hour, 3_600, 3),
        (WindowKind::Day, 12 * 3_600, 4),
        (WindowKind::Week, 36 * 3_600, 7),
        (WindowKind::Month, (12 + 17 * 24) * 3_600, 5),
        (WindowKind::Year, (12 + 292 * 24) * 3_600, 6),
    ];
    for (window, seconds, unit) in units {
        let rig = Rig::new(vec![limit("user", 1, window)]);
        let answer = rig.ask(vec![of("user", "alice")]);
        let status = &answer.statuses[0];
        assert_eq!(status.current_limit.as_ref().unwrap().unit, unit);
        let reset = status.duration_until_reset.unwrap();
        assert_eq!((reset.seconds, reset.nanos), (seconds, 0), "{window:?}");
        assert_eq!(rig.one(of("user", "alice")), (false, 0), "{window:?}");
        rig.pass(seconds * 1_000 - 1);
        assert_eq!(rig.one(of("user", "alice")), (false, 0), "{window:?}");
        rig.pass(1);
        assert_eq!(rig.one(of("user", "alice")), (true, 0), "{window:?}");
    }
}

#[test]
fn a_reset_is_rounded_up_to_the_second() {
    let rig = Rig::new(vec![limit("user", 1, WindowKind::Minute)]);
    rig.pass(59_001);
    let answer = rig.ask(vec![of("user", "alice")]);
    assert_eq!(answer.statuses[0].duration_until_reset.unwrap().seconds, 1);
    let rig = Rig::new(vec![limit("user", 1, WindowKind::Lifetime)]);
    let answer = rig.ask(vec![of("user", "alice")]);
    assert_eq!(answer.statuses[0].duration_until_reset, None);
}

#[test]
fn limits_beyond_32_bits_are_enforced_and_shown_clamped() {
    let rig = Rig::new(vec![RateLimit {
        charged_later: true,
        ..limit("user", 1 << 33, WindowKind::Month)
    }]);
    assert_eq!(
        rig.one(costs((1 << 33) - 1, of("user", "alice"))),
        (true, 1)
    );
    let answer = rig.ask(vec![of("user", "bob")]);
    let status = &answer.statuses[0];
    assert_eq!(status.limit_remaining, u32::MAX);
    let limit = status.current_limit.as_ref().unwrap();
    assert_eq!(limit.requests_per_unit, u32::MAX);
    assert_eq!(rig.one(of("user", "alice")), (true, 0));
    assert_eq!(rig.one(of("user", "alice")), (false, 0));
}

#[test]
fn a_limit_of_the_requests_own_is_enforced() {
    let rig = Rig::new(vec![limit("user", 100, WindowKind::Minute)]);
    for key in ["user", "unknown"] {
        let own = || Descriptor {
            limit: Some(Override {
                requests_per_unit: 1,
                unit: 3,
            }),
            ..of(key, "alice")
        };
        assert_eq!(rig.one(own()), (true, 0), "{key}");
        assert_eq!(rig.one(own()), (false, 0), "{key}");
    }
    // Its account is another than that of the configured limit, whose window differs.
    assert_eq!(rig.one(of("user", "alice")), (true, 99));
}

#[test]
fn an_edited_limit_keeps_what_was_used() {
    let rig = Rig::new(vec![limit("user", 5, WindowKind::Minute)]);
    assert_eq!(rig.one(costs(4, of("user", "alice"))), (true, 1));
    let limits = vec![limit("user", 3, WindowKind::Minute)];
    rig.service
        .apply(&BTreeMap::from([("d".to_string(), limits)]));
    assert_eq!(rig.one(of("user", "alice")), (false, 0));
    let limits = vec![limit("user", 6, WindowKind::Minute)];
    rig.service
        .apply(&BTreeMap::from([("d".to_string(), limits)]));
    assert_eq!(rig.one(of("user", "alice")), (true, 1));
}

#[test]
fn headers_are_written_only_where_the_service_shall() {
    let limits = || {
        vec![
            limit("user", 2, WindowKind::Minute),
            limit("org", 9, WindowKind::Lifetime),
        ]
    };
    let both = || vec![of("user", "alice"), of("org", "acme")];
    let headers = |rig: &Rig| -> Vec<String> {
        let answer = rig.ask(both());
        let headers = answer.response_headers_to_add.iter();
        headers
            .map(|header| format!("{}: {}", header.key, header.value))
            .collect()
    };
    let rig = Rig::with(Headers::Service, limits());
    rig.pass(13_000);
    let served = [
        "x-ratelimit-limit: 2, 2;w=60",
        "x-ratelimit-remaining: 1",
        "x-ratelimit-reset: 47",
    ];
    assert_eq!(headers(&rig), served);
    headers(&rig);
    assert_eq!(headers(&rig)[3..], ["retry-after: 47"]);
    assert_eq!(headers(&Rig::new(limits())), Vec::<String>::new());
    let unlimited = rig.ask(vec![of("unknown", "x")]);
    assert_eq!(unlimited.response_headers_to_add, []);
}

#[test]
fn a_flood_of_refused_requests_does_not_reach_the_store() {
    let rig = Rig::new(vec![
        limit("user", 1, WindowKind::Minute),
        RateLimit {
            shadow: true,
            ..limit("watched", 1, WindowKind::Minute)
        },
    ]);
    rig.one(of("user", "alice"));
    let before = rig.store_calls();
    for _ in 0..1_000 {
        assert_eq!(rig.one(of("user", "alice")), (false, 0));
    }
    assert_eq!(rig.store_calls(), before + 1);
    // It is asked again after a second, and where something is counted all the same.
    rig.pass(1_000);
    rig.one(of("user", "alice"));
    assert_eq!(rig.store_calls(), before + 2);
    rig.ask(vec![of("user", "alice"), of("watched", "alice")]);
    assert_eq!(rig.store_calls(), before + 3);
    // A refund is known at once.
    assert_eq!(rig.one(gives_back(1, of("user", "alice"))), (true, 1));
    assert_eq!(rig.one(of("user", "alice")), (true, 0));
}

fn failing(request: RateLimitRequest, service: &Service) -> (Code, String) {
    let status = ready(service.decide(request)).unwrap_err();
    (status.code(), status.message().to_string())
}

#[test]
fn without_configuration_or_store_there_is_no_decision() {
    let request = || RateLimitRequest {
        domain: "d".into(),
        descriptors: vec![of("user", "alice")],
        hits_addend: 0,
    };
    let service = broken();
    assert!(!service.is_serving());
    let (code, text) = failing(request(), &service);
    assert_eq!(code, Code::Unavailable);
    assert!(text.contains("no configuration"), "{text}");

    let limits = vec![limit("user", 1, WindowKind::Minute)];
    service.apply(&BTreeMap::from([("d".to_string(), limits)]));
    assert!(service.is_serving());
    let (code, text) = failing(request(), &service);
    assert_eq!(code, Code::Unavailable);
    assert!(text.contains("none is configured"), "{text}");

    // What no limit applies to needs no store.
    let unlimited = RateLimitRequest {
        descriptors: vec![of("unknown", "x")],
        ..request()
    };
    let answer = ready(service.decide(unlimited)).unwrap();
    assert_eq!((answer.overall_code, answer.statuses.len()), (OK, 1));

    let (code, _) = failing(RateLimitRequest::default(), &service);
    assert_eq!(code, Code::InvalidArgument);
}

fn broken() -> Arc<Service> {
    let clock = Clock::new(|| 0);
    Service::new(
        Arc::new(AbsentStore),
        clock,
        Headers::Envoy,
        Telemetry::default(),
    )
}
