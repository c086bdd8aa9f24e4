//! What is written, of what is stored and what is wanted.

use serde_json::{Value, json};

use super::*;
use crate::status::fields::fields;
use tollgate_translate::ObjectRef;

const NOW: &str = "2026-11-21T16:00:00Z";
const BEFORE: &str = "2026-11-20T00:00:00Z";
const US: &str = "gateway.tollgate.dev/gatewayclass-controller";

fn patch(kind: &str, stored: Value, status: Value) -> Option<Value> {
    let group = match kind {
        "TokenBudget" => "tollgate.dev",
        "BackendTrafficPolicy" | "Backend" => "gateway.envoyproxy.io",
        _ => "gateway.networking.k8s.io",
    };
    let fields = fields(&ObjectRef {
        group: group.to_string(),
        kind: kind.to_string(),
        namespace: None,
        name: String::new(),
    });
    assert!(!fields.is_empty(), "{kind}");
    let desired = Desired {
        fields,
        status: &status,
        controllers: &[US.to_string()],
    };
    let patch = desired_patch(&stored, &desired, NOW)?;
    // What is written must be what is wanted.
    let mut after = stored;
    if after.is_null() {
        after = json!({});
    }
    for (field, value) in patch["status"].as_object().expect("fields") {
        after[field] = value.clone();
    }
    assert_eq!(desired_patch(&after, &desired, "later"), None, "{after}");
    Some(patch["status"].clone())
}

fn condition(kind: &str, status: &str, time: Option<&str>) -> Value {
    let mut condition = json!({"type": kind, "status": status, "reason": "R", "message": "m",
        "observedGeneration": 1});
    if let Some(time) = time {
        condition["lastTransitionTime"] = json!(time);
    }
    condition
}

fn parent(controller: &str, gateway: &str, conditions: Value) -> Value {
    json!({"parentRef": {"name": gateway}, "controllerName": controller, "conditions": conditions})
}

/// The same entry as an API server stores it.
fn stored_parent(controller: &str, gateway: &str, conditions: Value) -> Value {
    json!({"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway},
        "controllerName": controller, "conditions": conditions})
}

#[test]
fn first_status_is_written_whole_with_the_time_of_now() {
    let wanted =
        json!({"parents": [parent(US, "g", json!([condition("Accepted", "True", None)]))]});
    assert_eq!(
        patch("HTTPRoute", Value::Null, wanted),
        Some(
            json!({"parents": [parent(US, "g", json!([condition("Accepted", "True", Some(NOW))]))]})
        )
    );
}

#[test]
fn same_status_is_not_written_whatever_its_order_and_defaults() {
    let wanted = json!({"parents": [
        parent(US, "g", json!([condition("Accepted", "True", None), condition("ResolvedRefs", "True", None)])),
        parent(US, "h", json!([condition("Accepted", "True", None)])),
    ]});
    let stored = json!({"parents": [
        stored_parent(US, "h", json!([condition("Accepted", "True", Some(BEFORE))])),
        stored_parent(US, "g", json!([condition("ResolvedRefs", "True", Some(BEFORE)), condition("Accepted", "True", Some(BEFORE))])),
    ]});
    assert_eq!(patch("HTTPRoute", stored, wanted), None);
}

#[test]
fn time_stays_while_the_status_does() {
    let stored = json!({"conditions": [condition("Accepted", "True", Some(BEFORE)), condition("Enforced", "True", Some(BEFORE))]});
    let mut accepted = condition("Accepted", "True", None);
    accepted["message"] = json!("another");
    let wanted = json!({"conditions": [accepted, condition("Enforced", "False", None)]});
    let patch = patch("TokenBudget", stored, wanted).expect("a patch");
    assert_eq!(patch["conditions"][0]["lastTransitionTime"], BEFORE);
    assert_eq!(patch["conditions"][0]["message"], "another");
    assert_eq!(patch["conditions"][1]["lastTransitionTime"], NOW);
}

#[test]
fn new_generation_alone_is_written() {
    let stored = json!({"conditions": [condition("Accepted", "True", Some(BEFORE))]});
    let mut accepted = condition("Accepted", "True", None);
    accepted["observedGeneration"] = json!(2);
    let patch = patch("TokenBudget", stored, json!({"conditions": [accepted]})).expect("a patch");
    assert_eq!(patch["conditions"][0]["observedGeneration"], 2);
    assert_eq!(patch["conditions"][0]["lastTransitionTime"], BEFORE);
}

#[test]
fn entries_of_others_stay_as_they_are() {
    let other = stored_parent(
        "example.com/other",
        "x",
        json!([condition("Accepted", "False", Some(BEFORE))]),
    );
    let ours = stored_parent(
        US,
        "old",
        json!([condition("Accepted", "True", Some(BEFORE))]),
    );
    let stored = json!({"parents": [ours, other]});
    let wanted =
        json!({"parents": [parent(US, "new", json!([condition("Accepted", "True", None)]))]});
    let patch = patch("HTTPRoute", stored, wanted).expect("a patch");
    assert_eq!(
        patch["parents"],
        json!([
            other,
            parent(US, "new", json!([condition("Accepted", "True", Some(NOW))]))
        ])
    );
}

#[test]
fn another_controller_that_sorts_otherwise_is_not_fought() {
    let other = stored_parent("example.com/other", "x", json!([]));
    let ours = stored_parent(
        US,
        "g",
        json!([condition("Accepted", "True", Some(BEFORE))]),
    );
    let wanted =
        json!({"parents": [parent(US, "g", json!([condition("Accepted", "True", None)]))]});
    for list in [json!([ours, other]), json!([other, ours])] {
        assert_eq!(
            patch("HTTPRoute", json!({"parents": list}), wanted.clone()),
            None
        );
    }
}

#[test]
fn route_that_no_longer_names_a_gateway_of_ours_keeps_only_others_entries() {
    let other = stored_parent("example.com/other", "x", json!([]));
    let ours = stored_parent(US, "g", json!([]));
    let stored = json!({"parents": [ours, other]});
    assert!(has_entries(&stored, &[US.to_string()]));
    let patch = patch("HTTPRoute", stored, Value::Null);
    assert_eq!(patch, Some(json!({"parents": [other]})));
}

#[test]
fn route_without_an_entry_of_ours_is_left_alone() {
    let stored = json!({"parents": [stored_parent("example.com/other", "x", json!([]))]});
    assert!(!has_entries(&stored, &[US.to_string()]));
    assert_eq!(patch("HTTPRoute", stored, Value::Null), None);
    assert_eq!(patch("HTTPRoute", Value::Null, Value::Null), None);
}

#[test]
fn object_that_nobody_speaks_of_keeps_its_conditions() {
    let stored = json!({"conditions": [condition("Accepted", "True", Some(BEFORE))]});
    assert_eq!(patch("Backend", stored, Value::Null), None);
}

#[test]
fn ancestors_beyond_sixteen_are_cut_from_ours() {
    let entry = |controller: &str, n: usize| json!({"ancestorRef": {"name": format!("g{n}")}, "controllerName": controller, "conditions": []});
    let others: Vec<Value> = (0..10).map(|n| entry("example.com/other", n)).collect();
    let ours: Vec<Value> = (0..10).map(|n| entry(US, n)).collect();
    let patch = patch(
        "BackendTrafficPolicy",
        json!({"ancestors": others}),
        json!({"ancestors": ours}),
    );
    let patch = patch.expect("a patch");
    let list = patch["ancestors"].as_array().expect("a list");
    assert_eq!(list.len(), 16);
    assert_eq!(list[..10], others);
}

#[test]
fn condition_of_a_foreign_type_stays_and_one_of_ours_that_is_not_wanted_goes() {
    let stored = json!({"conditions": [
        condition("Accepted", "True", Some(BEFORE)),
        condition("Warning", "True", Some(BEFORE)),
        condition("example.com/Checked", "True", Some(BEFORE)),
    ]});
    let wanted = json!({"conditions": [condition("Accepted", "True", None)]});
    let patch = patch("Gateway", stored, wanted).expect("a patch");
    let kinds: Vec<_> = list(&patch["conditions"])
        .iter()
        .map(|it| &it["type"])
        .collect();
    assert_eq!(kinds, ["Accepted", "example.com/Checked"]);
}

#[test]
fn conditions_that_a_crd_brings_as_defaults_are_replaced() {
    let pending = json!({"type": "Accepted", "status": "Unknown", "reason": "Pending",
        "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z"});
    let stored = json!({"conditions": [pending]});
    let wanted = json!({"conditions": [condition("Accepted", "True", None)]});
    let patch = patch("Gateway", stored, wanted).expect("a patch");
    assert_eq!(
        patch["conditions"],
        json!([condition("Accepted", "True", Some(NOW))])
    );
}

#[test]
fn listeners_are_matched_by_name_and_gone_ones_go() {
    let listener = |name: &str, routes: usize, time: Option<&str>| {
        json!({"name": name, "attachedRoutes": routes,
            "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
            "conditions": [condition("Accepted", "True", time)]})
    };
    let stored =
        json!({"listeners": [listener("a", 1, Some(BEFORE)), listener("b", 1, Some(BEFORE))]});
    let wanted = json!({"listeners": [listener("b", 2, None)]});
    assert_eq!(
        patch("Gateway", stored, wanted),
        Some(json!({"listeners": [listener("b", 2, Some(BEFORE))]}))
    );
}

#[test]
fn supported_kinds_are_the_same_with_and_without_their_default_group() {
    let stored = json!({"listeners": [{"name": "a", "attachedRoutes": 0, "conditions": [],
        "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]}]});
    let wanted = json!({"listeners": [{"name": "a", "attachedRoutes": 0, "conditions": [],
        "supportedKinds": [{"kind": "HTTPRoute"}]}]});
    assert_eq!(patch("Gateway", stored, wanted), None);
}

#[test]
fn addresses_that_are_gone_are_removed_and_their_order_counts() {
    let stored = json!({"addresses": [{"type": "IPAddress", "value": "10.0.0.1"}, {"type": "IPAddress", "value": "10.0.0.2"}]});
    let same = json!({"addresses": [{"value": "10.0.0.1"}, {"value": "10.0.0.2"}]});
    assert_eq!(patch("Gateway", stored.clone(), same), None);
    let turned = json!({"addresses": [{"value": "10.0.0.2"}, {"value": "10.0.0.1"}]});
    assert!(patch("Gateway", stored.clone(), turned).is_some());
    assert_eq!(
        patch("Gateway", stored, json!({})),
        Some(json!({"addresses": null}))
    );
}

#[test]
fn supported_features_and_counts_are_written_as_they_are() {
    let wanted = json!({"supportedFeatures": [{"name": "Gateway"}]});
    assert_eq!(
        patch("GatewayClass", json!({"conditions": []}), wanted.clone()),
        Some(wanted)
    );
    assert_eq!(
        patch(
            "Gateway",
            json!({"attachedListenerSets": 2}),
            json!({"attachedListenerSets": 3})
        ),
        Some(json!({"attachedListenerSets": 3}))
    );
}

#[test]
fn fields_that_are_not_ours_are_left_alone() {
    let stored = json!({"parents": [], "extra": {"a": 1}});
    let wanted = json!({"parents": [parent(US, "g", json!([]))], "conditions": [condition("Accepted", "True", None)]});
    let patch = patch("HTTPRoute", stored, wanted).expect("a patch");
    assert_eq!(
        patch
            .as_object()
            .expect("fields")
            .keys()
            .collect::<Vec<_>>(),
        ["parents"]
    );
}

#[test]
fn two_listeners_of_one_gateway_are_two_parents() {
    let entry = |section: &str| {
        json!({"parentRef": {"name": "g", "sectionName": section}, "controllerName": US,
            "conditions": [condition("Accepted", "True", None)]})
    };
    let wanted = json!({"parents": [entry("a"), entry("b")]});
    let patch = patch("HTTPRoute", Value::Null, wanted).expect("a patch");
    assert_eq!(list(&patch["parents"]).len(), 2);
}

#[test]
fn message_longer_than_an_api_server_takes_is_cut() {
    let mut accepted = condition("Accepted", "False", None);
    accepted["message"] = json!("ä".repeat(40_000));
    let patch = patch(
        "TokenBudget",
        Value::Null,
        json!({"conditions": [accepted]}),
    )
    .expect("a patch");
    let message = patch["conditions"][0]["message"]
        .as_str()
        .expect("a message");
    assert_eq!(message.chars().count(), MESSAGE_CHARS_MAX);
}

#[test]
fn wrong_types_in_a_stored_status_are_overwritten() {
    let wanted = json!({"parents": [parent(US, "g", json!([]))]});
    assert!(patch("HTTPRoute", json!({"parents": "text"}), wanted.clone()).is_some());
    assert!(
        patch(
            "HTTPRoute",
            json!({"parents": [3, null, {"controllerName": 1}]}),
            wanted
        )
        .is_some()
    );
}
