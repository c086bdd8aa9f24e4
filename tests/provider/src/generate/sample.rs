//! A JSON value that satisfies a JSON Schema, as far as tool arguments and structured output need.
//! Feeds `generate`.

use serde_json::{Map, Value, json};

/// Nesting of a sampled value at most; deeper values are `null`.
const DEPTH_MAX: usize = 32;
/// Elements of a sampled array and characters of a sampled string at most.
const LENGTH_MAX: u64 = 1000;

/// A value for `schema`; its required properties only.
pub(super) fn value(schema: &Value) -> Value {
    sample(schema, schema, "value", 0)
}

fn sample(root: &Value, schema: &Value, name: &str, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        return target.map_or(Value::Null, |target| sample(root, target, name, depth + 1));
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[keyword]
            .as_array()
            .and_then(|schemas| schemas.first())
        {
            return sample(root, first, name, depth + 1);
        }
    }
    match kind(schema) {
        "string" => Value::String(string(schema, name)),
        "integer" => json!(integer(schema)),
        "number" => json!(number(schema)),
        "boolean" => Value::Bool(true),
        "null" => Value::Null,
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or(1).min(LENGTH_MAX);
            let item = schema
                .get("items")
                .cloned()
                .unwrap_or(json!({"type": "string"}));
            (0..count)
                .map(|_| sample(root, &item, name, depth + 1))
                .collect()
        }
        _ => object(root, schema, depth),
    }
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("null"),
        _ if schema.get("items").is_some() => "array",
        _ => "object",
    }
}

fn object(root: &Value, schema: &Value, depth: usize) -> Value {
    let mut object = Map::new();
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let property = &schema["properties"][name];
        object.insert(name.to_owned(), sample(root, property, name, depth + 1));
    }
    Value::Object(object)
}

fn string(schema: &Value, name: &str) -> String {
    let text = match schema["format"].as_str() {
        Some("date") => "2026-01-01".to_owned(),
        Some("date-time") => "2026-01-01T00:00:00Z".to_owned(),
        Some("time") => "00:00:00Z".to_owned(),
        Some("email") => "someone@example.com".to_owned(),
        Some("uri") => "https://example.com/".to_owned(),
        Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
        _ => format!("simulated {name}"),
    };
    let least = schema["minLength"].as_u64().unwrap_or(0).min(LENGTH_MAX);
    let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    let padding = least.saturating_sub(text.chars().count() as u64);
    let padding = std::iter::repeat_n('x', usize::try_from(padding).unwrap_or(0));
    text.chars()
        .chain(padding)
        .take(usize::try_from(most).unwrap_or(usize::MAX))
        .collect()
}

fn integer(schema: &Value) -> i64 {
    let least = schema["minimum"].as_i64();
    let above = schema["exclusiveMinimum"]
        .as_i64()
        .and_then(|above| above.checked_add(1));
    let most = schema["maximum"].as_i64();
    let value = least
        .max(above)
        .unwrap_or_else(|| most.map_or(1, |most| most.min(1)));
    match schema["multipleOf"].as_i64() {
        Some(step) if step > 0 => value.saturating_add(step - 1).div_euclid(step) * step,
        _ => value,
    }
}

fn number(schema: &Value) -> f64 {
    let least = schema["minimum"].as_f64();
    let above = schema["exclusiveMinimum"].as_f64().map(|above| above + 0.5);
    let most = schema["maximum"].as_f64();
    least
        .or(above)
        .unwrap_or_else(|| most.map_or(1.5, |most| most.min(1.5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_of_each_kind_satisfies_its_schema() {
        let schema = json!({
            "type": "object",
            "$defs": {"city": {"type": "object", "properties": {"name": {"type": "string", "minLength": 30}}, "required": ["name"]}},
            "properties": {
                "text": {"type": "string", "maxLength": 4},
                "kind": {"enum": ["b", "a"]},
                "count": {"type": "integer", "minimum": 3},
                "ratio": {"type": "number", "maximum": 0.5},
                "flag": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                "city": {"$ref": "#/$defs/city"},
                "maybe": {"type": ["null", "integer"]},
                "either": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "unneeded": {"type": "string"}
            },
            "required": ["text", "kind", "count", "ratio", "flag", "tags", "city", "maybe", "either"],
            "additionalProperties": false
        });
        let sample = value(&schema);
        let validator = jsonschema::validator_for(&schema).expect("schema");
        let errors: Vec<_> = validator
            .iter_errors(&sample)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{sample}: {errors:?}");
        assert!(sample.get("unneeded").is_none());
    }

    #[test]
    fn endless_reference_ends() {
        let schema =
            json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]});
        assert!(value(&schema).to_string().len() < 1000);
    }
}
