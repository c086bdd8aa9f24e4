//! Objects that use every field are accepted without a warning, and none of them is lost.

use serde_json::Value;

use super::super::{Object, parse_object_with_warnings};

/// What people of Envoy AI Gateway write (an AIGatewayRoute with its backend and key), and each
/// kind with all of its fields.
const OBJECTS: &str = include_str!("good.yaml");

/// `expect` is in `actual`, whatever else is there.
fn contains(actual: &Value, expect: &Value) -> bool {
    match (actual, expect) {
        (Value::Object(actual), Value::Object(expect)) => expect.iter().all(|(name, expect)| {
            actual
                .get(name)
                .is_some_and(|actual| contains(actual, expect))
        }),
        (Value::Array(actual), Value::Array(expect)) => {
            actual.len() == expect.len()
                && actual
                    .iter()
                    .zip(expect)
                    .all(|(actual, expect)| contains(actual, expect))
        }
        (actual, expect) => actual == expect,
    }
}

fn spec(object: &Object) -> Value {
    let value = match object {
        Object::Backend(object) => serde_json::to_value(object),
        Object::BackendTrafficPolicy(object) => serde_json::to_value(object),
        Object::QuotaPolicy(object) => serde_json::to_value(object),
        Object::CompactAIGatewayRoute(object) => serde_json::to_value(object),
        Object::AIGatewayRoute(object) => serde_json::to_value(object),
        Object::AIServiceBackend(object) => serde_json::to_value(object),
        Object::BackendSecurityPolicy(object) => serde_json::to_value(object),
        Object::Consumer(object) => serde_json::to_value(object),
        Object::TokenBudget(object) => serde_json::to_value(object),
        other => panic!("{other:?}"),
    };
    value.unwrap()["spec"].take()
}

#[test]
fn objects_with_every_field_are_accepted_and_keep_every_field() {
    let values = serde_saphyr::from_multiple::<Value>(OBJECTS).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for value in values {
        let expect = value["spec"].clone();
        let (object, warnings) =
            parse_object_with_warnings(value).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(warnings, [], "{}", object.name());
        let actual = spec(&object);
        assert!(
            contains(&actual, &expect),
            "{}: {actual:#} lost some of {expect:#}",
            object.name()
        );
        kinds.insert(object.group_kind());
    }
    assert_eq!(kinds.len(), 9, "{kinds:?}");
}
