//! From what schemars and kube derive to what an API server takes without a remark.
//!
//! - `nullable` goes: a null field then means an absent one, so CEL's `has()` tells the truth.
//! - Defaults that say nothing (`null`, `[]`, `{}`) go, for the same reason.
//! - Unsigned formats, which Kubernetes does not know, become signed ones with bounds.

use serde_json::{Map, Value, json};

/// Keywords whose value is a schema, a map of schemas, or bounds.
const BOUNDS: [&str; 2] = ["minimum", "maximum"];

/// Rewrites a schema in place.
pub(super) fn normalize(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    object.remove("nullable");
    object.remove("title");
    if object.get("default").is_some_and(says_nothing) {
        object.remove("default");
    }
    sign_format(object);
    for bound in BOUNDS {
        if let Some(value) = object.get_mut(bound) {
            whole(value);
        }
    }
    if let Some(Value::Array(allowed)) = object.get_mut("enum") {
        allowed.retain(|value| !value.is_null());
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(schema) = object.get_mut(keyword) {
            normalize(schema);
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(normalize);
    }
}

fn says_nothing(default: &Value) -> bool {
    match default {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// `uint64` has no bound above `int64`'s own.
fn sign_format(object: &mut Map<String, Value>) {
    let (format, max) = match object.get("format").and_then(Value::as_str) {
        Some("uint8") => ("int32", Some(u64::from(u8::MAX))),
        Some("uint16") => ("int32", Some(u64::from(u16::MAX))),
        Some("uint32") => ("int64", Some(u64::from(u32::MAX))),
        Some("uint" | "uint64") => ("int64", None),
        _ => return,
    };
    object.insert("format".to_string(), format.into());
    object.entry("minimum").or_insert_with(|| json!(0));
    if let Some(max) = max {
        object.entry("maximum").or_insert_with(|| json!(max));
    }
}

/// `1.0` becomes `1`.
fn whole(value: &mut Value) {
    if let Some(number) = value.as_f64()
        && number.fract() == 0.0
        && number.abs() < 9e15
    {
        // The check above keeps the number within what both types hold exactly.
        *value = json!(number as i64);
    }
}
