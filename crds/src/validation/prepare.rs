//! Nulls and defaults, as an API server treats them before it validates.
//!
//! No schema here has `nullable`, so a null field is one that was never written; then each absent
//! field with a default gets it.

use serde_json::{Map, Value};

use super::Node;

/// Removes nulls and fills in defaults, in place.
pub(super) fn prepare(schema: &Node, value: &mut Value) {
    match value {
        Value::Object(object) => prepare_object(schema, object),
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                items.iter_mut().for_each(|item| prepare(schema, item));
            }
        }
        _ => {}
    }
}

fn prepare_object(schema: &Node, object: &mut Map<String, Value>) {
    for (name, schema) in &schema.properties {
        if object.get(name).is_some_and(Value::is_null) {
            object.remove(name);
        }
        if let (Some(default), false) = (&schema.default, object.contains_key(name)) {
            object.insert(name.clone(), default.clone());
        }
    }
    for (name, value) in object.iter_mut() {
        if let Some(schema) = schema.properties.get(name).or(schema.additional.as_deref()) {
            prepare(schema, value);
        }
    }
}
