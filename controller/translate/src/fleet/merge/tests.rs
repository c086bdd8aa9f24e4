//! What merging gives, beside what `kubectl patch` gives.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{json_merge, strategic_merge};

#[track_caller]
fn check(target: Value, patch: Value, expect: Value) {
    let mut merged = target;
    strategic_merge(&mut merged, &patch);
    assert_eq!(merged, expect, "{patch}");
}

/// The examples of RFC 7386, appendix A.
#[test]
fn json_merges_as_the_rfc_says() {
    for (target, patch, expect) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), Value::Null, Value::Null),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        ),
        (
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ] {
        let mut merged = target.clone();
        json_merge(&mut merged, &patch);
        assert_eq!(merged, expect, "{target} with {patch}");
    }
}

#[test]
fn containers_are_merged_by_name_and_new_ones_come_last() {
    check(
        json!({"containers": [{"name": "envoy", "image": "a", "args": ["x"]}]}),
        json!({"containers": [
            {"name": "side", "image": "b"}, {"name": "envoy", "args": ["y"]}]}),
        json!({"containers": [
            {"name": "envoy", "image": "a", "args": ["y"]}, {"name": "side", "image": "b"}]}),
    );
}

#[test]
fn mounts_are_merged_by_path_and_spread_by_topology() {
    check(
        json!({"volumeMounts": [{"mountPath": "/a", "name": "a"}],
            "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1}]}),
        json!({"volumeMounts": [{"mountPath": "/a", "readOnly": true}],
            "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 2}]}),
        json!({"volumeMounts": [{"mountPath": "/a", "name": "a", "readOnly": true}],
            "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 2}]}),
    );
}

#[test]
fn ports_of_one_number_are_told_apart_by_their_protocol() {
    let ports = json!([
        {"port": 53, "protocol": "TCP", "name": "a"}, {"port": 53, "protocol": "UDP", "name": "b"}]);
    check(
        json!({"ports": ports}),
        json!({"ports": [{"port": 53, "protocol": "UDP", "nodePort": 30053}]}),
        json!({"ports": [
            {"port": 53, "protocol": "TCP", "name": "a"},
            {"port": 53, "protocol": "UDP", "name": "b", "nodePort": 30053}]}),
    );
    check(
        json!({"ports": [{"containerPort": 80}]}),
        json!({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81}]}),
        json!({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81}]}),
    );
}

#[test]
fn lists_without_a_key_are_replaced() {
    check(
        json!({"tolerations": [{"key": "a"}], "args": ["x", "y"]}),
        json!({"tolerations": [{"key": "b"}], "args": ["z"]}),
        json!({"tolerations": [{"key": "b"}], "args": ["z"]}),
    );
}

#[test]
fn null_removes_a_field_and_adds_none() {
    check(
        json!({"a": 1, "b": {"c": 2}}),
        json!({"a": null, "b": {"d": null}, "e": null}),
        json!({"b": {"c": 2}}),
    );
}

#[test]
fn directives_delete_and_replace() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "$patch": "delete"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}),
        json!({"containers": [{"name": "c"}]}),
    );
    check(
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
        json!({"strategy": {"$patch": "replace", "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}}),
    );
    check(
        json!({"a": {"b": 1}, "c": 2}),
        json!({"a": {"$patch": "delete"}}),
        json!({"c": 2}),
    );
}

#[test]
fn keys_are_retained_and_texts_taken_out() {
    check(
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
        json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}}),
    );
    check(
        json!({"metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}),
        json!({"metadata": {"finalizers": ["b", "c"]}}),
    );
}

#[test]
fn a_patch_that_adds_leaves_no_directive_behind() {
    check(
        json!({}),
        json!({"containers": [{"name": "a", "$patch": "merge", "env": [
            {"name": "x", "$patch": "delete"}, {"name": "y", "value": "1"}]}],
            "$setElementOrder/containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "a", "env": [{"name": "y", "value": "1"}]}]}),
    );
}

/// Small objects with the names that merging knows, and some that it does not.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        "[ab]".prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("containers".to_string()),
        Just("ports".to_string()),
        Just("name".to_string()),
        Just("port".to_string()),
        Just("finalizers".to_string()),
        "[ab]",
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_json_patch_that_is_applied_twice_does_no_more(target in anything(), patch in anything()) {
        let mut once = target;
        json_merge(&mut once, &patch);
        let mut twice = once.clone();
        json_merge(&mut twice, &patch);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_strategic_patch_leaves_other_fields_alone(target in anything(), patch in anything()) {
        let (Value::Object(before), Value::Object(changes)) = (&target, &patch) else {
            return Ok(());
        };
        let mut merged = target.clone();
        strategic_merge(&mut merged, &patch);
        for (name, value) in before {
            if !changes.contains_key(name) {
                prop_assert_eq!(merged.get(name), Some(value));
            }
        }
    }
}
