//! TokenBudgets that break one rule each, and what is said about them; and that each detail is
//! taken for exactly the kinds that need it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::parse_object;

/// Everything wrong with a budget of these fields over a valid one, each as `path: value message`.
fn violations(fields: &Value) -> Vec<String> {
    let mut spec = json!({"limits": [{"tokens": 1, "window": "Day"}]});
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    let object = json!({"apiVersion": "tollgate.dev/v1alpha1", "kind": "TokenBudget",
        "metadata": {"name": "x"}, "spec": spec});
    match parse_object(object) {
        Ok(_) => Vec::new(),
        Err(super::ObjectError::Invalid { violations, .. }) => {
            violations.iter().map(ToString::to_string).collect()
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(fields: Value, expect: &[&str]) {
    assert_eq!(violations(&fields), expect, "{fields}");
}

fn limit(limit: Value) -> Value {
    json!({"limits": [limit]})
}

#[test]
fn a_word_that_is_none_of_a_list_is_refused_with_the_list() {
    check(
        json!({"meter": "Tokens"}),
        &[
            "spec.meter: \"Tokens\" must be one of Total, Input, Output, CachedInput, CacheWrite, Reasoning, Requests, Expression, Money",
        ],
    );
    check(
        json!({"mode": "Soft"}),
        &["spec.mode: \"Soft\" must be one of Strict, Overcommit, Shadow"],
    );
    check(
        json!({"onStoreFailure": "Panic"}),
        &["spec.onStoreFailure: \"Panic\" must be one of Closed, Open, Leased"],
    );
    check(
        json!({"subject": "Nobody"}),
        &[
            "spec.subject: \"Nobody\" must be one of User, Team, Org, Key, Shared, Route, Model, Backend, Header, JWTClaim, ClientCertificate",
        ],
    );
}

#[test]
fn a_limit_is_a_whole_number_of_64_bits_and_not_below_zero() {
    check(
        limit(json!({"tokens": -1, "window": "Day"})),
        &["spec.limits[0].tokens: -1 must be at least 0"],
    );
    check(
        limit(json!({"tokens": u64::MAX, "window": "Day"})),
        &["spec.limits[0].tokens: 18446744073709551615 must be at most 9223372036854775807"],
    );
    check(
        limit(json!({"tokens": 1.5, "window": "Day"})),
        &["spec.limits[0].tokens: must be of type integer, is number"],
    );
    check(
        json!({"meter": "Money", "prices": {"name": "p"},
            "limits": [{"cost": 9_223_372_036_855_u64, "window": "Day"}]}),
        &["spec.limits[0].cost: 9223372036855 must be at most 9223372036854"],
    );
    check(limit(json!({"tokens": 0, "window": "Day"})), &[]);
    check(limit(json!({"tokens": i64::MAX, "window": "Day"})), &[]);
    check(
        json!({"limits": []}),
        &["spec.limits: must have at least 1 items, has 0"],
    );
}

#[test]
fn a_limit_has_one_unit_and_it_is_that_of_the_meter() {
    let unit = "spec.limits[0]: exactly one of tokens, requests or cost must be specified";
    check(limit(json!({"window": "Day"})), &[unit]);
    check(
        limit(json!({"tokens": 1, "requests": 1, "window": "Day"})),
        &[
            "spec: limits are in requests for meter Requests, and only for it",
            unit,
        ],
    );
    check(
        json!({"meter": "Requests"}),
        &["spec: limits are in requests for meter Requests, and only for it"],
    );
    check(
        limit(json!({"cost": 1, "window": "Day"})),
        &["spec: limits are in cost for meter Money, and only for it"],
    );
    check(
        json!({"meter": "Requests", "limits": [{"requests": 1, "window": "Day"}]}),
        &[],
    );
}

#[test]
fn a_window_has_the_length_and_the_zone_that_it_can_have() {
    let length = "spec.limits[0]: duration is required for window Sliding, and only for it";
    check(limit(json!({"tokens": 1, "window": "Sliding"})), &[length]);
    check(
        limit(json!({"tokens": 1, "window": "Day", "duration": "5h"})),
        &[length],
    );
    let bounds = "spec.limits[0]: duration must be at least 1s and at most 8784h (366 days)";
    for duration in ["0s", "0h0m", "999ms", "8784h1ms", "99999h"] {
        check(
            limit(json!({"tokens": 1, "window": "Sliding", "duration": duration})),
            &[bounds],
        );
    }
    for duration in ["1s", "1000ms", "5h", "8784h", "1h1h"] {
        check(
            limit(json!({"tokens": 1, "window": "Sliding", "duration": duration})),
            &[],
        );
    }
    check(
        limit(json!({"tokens": 1, "window": "Sliding", "duration": "7 days"})),
        &["spec.limits[0].duration: \"7 days\" must match ^([0-9]{1,5}(h|m|s|ms)){1,4}$"],
    );
    let zone =
        "spec.limits[0]: timeZone is for windows of the calendar: not for Lifetime and Sliding";
    check(
        limit(json!({"tokens": 1, "window": "Lifetime", "timeZone": "UTC"})),
        &[zone],
    );
    check(
        limit(json!({"tokens": 1, "window": "Sliding", "duration": "5h", "timeZone": "UTC"})),
        &[zone],
    );
}

#[test]
fn a_percentage_is_between_nothing_and_everything() {
    for (percent, rule) in [(0, "at least 1"), (100, "at most 99")] {
        check(
            json!({"warnAtPercent": percent}),
            &[&format!("spec.warnAtPercent: {percent} must be {rule}")],
        );
        check(
            json!({"mode": "Overcommit", "overcommit": {"percent": percent}}),
            &[&format!(
                "spec.overcommit.percent: {percent} must be {rule}"
            )],
        );
    }
}

#[test]
fn a_lease_is_something_in_the_unit_of_the_meter() {
    check(
        json!({"onStoreFailure": "Leased", "lease": {"tokens": 0}}),
        &["spec.lease.tokens: 0 must be at least 1"],
    );
    check(
        json!({"onStoreFailure": "Leased", "lease": {}}),
        &["spec.lease: exactly one of tokens, requests or cost must be specified"],
    );
    check(
        json!({"onStoreFailure": "Leased", "lease": {"requests": 1}}),
        &[
            "spec: lease is in requests for meter Requests, in cost for Money, in tokens for any other",
        ],
    );
}

#[test]
fn a_target_is_something_that_requests_pass() {
    let target = |group: &str, kind: &str| json!({"targetRefs": [{"group": group, "kind": kind, "name": "t"}]});
    let kinds = "spec.targetRefs: targetRefs must be a Gateway or HTTPRoute of group gateway.networking.k8s.io, an AIGatewayRoute of group gateway.envoyproxy.io or aigateway.envoyproxy.io, or an AIServiceBackend of group aigateway.envoyproxy.io";
    for (group, kind) in [
        ("", "Service"),
        ("", "Gateway"),
        ("gateway.envoyproxy.io", "AIServiceBackend"),
        ("gateway.networking.k8s.io", "GRPCRoute"),
    ] {
        check(target(group, kind), &[kinds]);
    }
    check(
        json!({"targetRefs": [{"group": "aigateway.envoyproxy.io", "kind": "AIServiceBackend", "name": "t", "sectionName": "a"}]}),
        &["spec.targetRefs: an AIServiceBackend has no sections: sectionName must not be set"],
    );
    let many: Vec<_> = (0..17)
        .map(|n| json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": format!("g{n}")}))
        .collect();
    check(
        json!({"targetRefs": many}),
        &["spec.targetRefs: must have at most 16 items, has 17"],
    );
}

#[test]
fn a_header_that_a_request_cannot_have_is_refused() {
    for header in ["x user", "x-user:", "ü", ":path"] {
        let all = violations(
            &json!({"subject": "Header", "subjectFrom": {"header": header, "trusted": true}}),
        );
        assert!(
            all[0].starts_with(&format!("spec.subjectFrom.header: {:?} must match", header)),
            "{all:?}"
        );
    }
    check(
        json!({"subjectFrom": {"trusted": true}}),
        &["spec.subjectFrom: trusted is about header and needs it"],
    );
    check(
        json!({"subjectFrom": {"provider": "idp"}}),
        &["spec.subjectFrom: provider is the issuer of claim and needs it"],
    );
}

/// Each detail, the field and the value that need it, and what is said otherwise.
const DETAILS: [(&str, &str, &str, &str); 6] = [
    (
        r#"{"header": "x-user"}"#,
        "subject",
        "Header",
        "spec: subjectFrom.header is required for subject Header, and only for it",
    ),
    (
        r#"{"claim": "sub"}"#,
        "subject",
        "JWTClaim",
        "spec: subjectFrom.claim is required for subject JWTClaim, and only for it",
    ),
    (
        r#""1u""#,
        "meter",
        "Expression",
        "spec: expression is required for meter Expression, and only for it",
    ),
    (
        r#"{"name": "p"}"#,
        "meter",
        "Money",
        "spec: prices is required for meter Money, and only for it",
    ),
    (
        r#"{"percent": 30}"#,
        "mode",
        "Overcommit",
        "spec: overcommit is required for mode Overcommit, and only for it",
    ),
    (
        r#"{"tokens": 1}"#,
        "onStoreFailure",
        "Leased",
        "spec: lease is required for onStoreFailure Leased, and only for it",
    ),
];

/// Where each of [`DETAILS`] is written.
const DETAIL_FIELDS: [&str; 6] = [
    "subjectFrom",
    "subjectFrom",
    "expression",
    "prices",
    "overcommit",
    "lease",
];

proptest! {
    #[test]
    fn a_detail_is_taken_for_exactly_the_kind_that_needs_it(
        subject in prop::sample::select(&["User", "Key", "Backend", "Header", "JWTClaim", "ClientCertificate"]),
        meter in prop::sample::select(&["Total", "Reasoning", "Expression", "Money"]),
        mode in prop::sample::select(&["Strict", "Overcommit", "Shadow"]),
        failure in prop::sample::select(&["Closed", "Open", "Leased"]),
        given in prop::array::uniform6(any::<bool>()),
    ) {
        let mut given = given;
        // One field holds either.
        given[1] &= !given[0];
        let kinds = json!({"subject": subject, "meter": meter, "mode": mode, "onStoreFailure": failure});
        let unit = if meter == "Money" { "cost" } else { "tokens" };
        let mut fields = kinds.clone();
        fields["limits"] = json!([{unit: 1, "window": "Day"}]);
        let mut expect = Vec::new();
        for (index, (value, field, kind, message)) in DETAILS.into_iter().enumerate() {
            if given[index] {
                let value = if index == 5 { format!(r#"{{"{unit}": 1}}"#) } else { value.to_string() };
                fields[DETAIL_FIELDS[index]] = serde_json::from_str(&value).unwrap();
            }
            if given[index] != (kinds[field] == kind) {
                expect.push(message.to_string());
            }
        }
        prop_assert_eq!(violations(&fields), expect, "{}", fields);
    }

    /// Whatever stands in a budget, it is taken or refused with a word about where.
    #[test]
    fn a_budget_of_anything_is_taken_or_refused_by_path(
        name in prop::sample::select(&["subject", "subjectFrom", "limits", "meter", "expression", "prices", "mode", "overcommit", "warnAtPercent", "onStoreFailure", "lease", "targetRefs"]),
        value in arbitrary(),
    ) {
        for violation in violations(&json!({name: value})) {
            prop_assert!(violation.starts_with("spec"), "{violation}");
        }
    }
}

fn arbitrary() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z0-9 ]{0,8}".prop_map(Value::from),
        prop::sample::select(&["Sliding", "5h", "Money", "99999h", "Header", "-1s"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop::sample::select(&[
            "tokens",
            "requests",
            "cost",
            "window",
            "duration",
            "timeZone",
            "header",
            "trusted",
            "claim",
            "provider",
            "name",
            "percent",
            "group",
            "kind",
            "sectionName",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_string(), v)).collect()),
        ]
    })
}
