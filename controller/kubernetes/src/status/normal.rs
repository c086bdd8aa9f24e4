//! One form for statuses that mean the same: an API server fills in defaults, and the order of
//! conditions and entries says nothing.

use serde_json::{Map, Value};
use tollgate_crds::GATEWAY_API_GROUP;

/// The value without defaults, its lists sorted.
pub(crate) fn normal(value: &Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(normal).collect();
            list.sort_by_cached_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(map) => Value::Object(normal_map(map)),
        other => other.clone(),
    }
}

/// Whether two values mean the same. An absent list is an empty one.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    (is_empty(a) && is_empty(b)) || a == b || normal(a) == normal(b)
}

fn normal_map(map: &Map<String, Value>) -> Map<String, Value> {
    let fields = map.iter().filter(|(_, value)| !value.is_null());
    let fields = fields.map(|(key, value)| {
        let value = match key.as_str() {
            "parentRef" | "ancestorRef" => reference(value),
            "supportedKinds" => kinds(value),
            "addresses" => addresses(value),
            _ => normal(value),
        };
        (key.clone(), value)
    });
    fields.collect()
}

/// A reference to a parent: group and kind are those of a Gateway unless told otherwise.
pub(crate) fn reference(value: &Value) -> Value {
    let without_group = without(value, "group", GATEWAY_API_GROUP);
    without(&without_group, "kind", "Gateway")
}

fn kinds(value: &Value) -> Value {
    let Some(list) = value.as_array() else {
        return value.clone();
    };
    let list = list
        .iter()
        .map(|kind| without(kind, "group", GATEWAY_API_GROUP));
    normal(&list.collect())
}

/// Addresses; the first is the one that people use, so their order stays.
pub(crate) fn addresses(value: &Value) -> Value {
    let Some(list) = value.as_array() else {
        return value.clone();
    };
    list.iter()
        .map(|address| without(address, "type", "IPAddress"))
        .collect()
}

fn without(value: &Value, field: &str, default: &str) -> Value {
    let Value::Object(map) = value else {
        return value.clone();
    };
    let kept = map
        .iter()
        .filter(|(key, value)| !(value.is_null() || *key == field && *value == default));
    Value::Object(
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}
