//! The structural part: types, required fields, enums, bounds, patterns, distinct items.

use serde_json::{Map, Value};

use super::node::{Format, ListType, Node, Range, Type};
use super::{Findings, Path, Violation};

/// Checks `value` and everything in it.
pub(super) fn check(schema: &Node, value: &Value, path: &Path<'_>, findings: &mut Findings) {
    if let Some(type_) = schema.type_
        && !type_.matches(value)
    {
        let message = format!("must be of type {}, is {}", type_.name(), name_of(value));
        findings.violation(Violation::new(path, message));
        return;
    }
    if !schema.allowed.is_empty() && !schema.allowed.contains(value) {
        let names: Vec<_> = schema.allowed.iter().map(plain).collect();
        let message = format!("must be one of {}", names.join(", "));
        findings.violation(Violation::new(path, message).with_value(value));
        return;
    }
    match value {
        Value::Object(object) => check_object(schema, object, path, findings),
        Value::Array(items) => check_list(schema, items, path, findings),
        Value::String(text) => check_string(schema, text, path, findings),
        Value::Number(_) => check_number(schema, value, path, findings),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_object(
    schema: &Node,
    object: &Map<String, Value>,
    path: &Path<'_>,
    findings: &mut Findings,
) {
    for name in &schema.required {
        if !object.contains_key(name) {
            findings.violation(Violation::new(path.field(name), "is required"));
        }
    }
    if let Some(max) = schema.properties_max
        && object.len() as u64 > max
    {
        let message = format!("must have at most {max} fields, has {}", object.len());
        findings.violation(Violation::new(path, message));
    }
    for (name, value) in object {
        let path = path.field(name);
        match schema.properties.get(name).or(schema.additional.as_deref()) {
            Some(schema) => check(schema, value, &path, findings),
            // The parts of every object that no CRD describes.
            None if matches!(
                path,
                Path::Field(Path::Root, "apiVersion" | "kind" | "metadata")
            ) => {}
            None if schema.is_open() || schema.type_.is_none() => {}
            None => findings.warning(path, "unknown field, ignored"),
        }
    }
}

fn check_list(schema: &Node, items: &[Value], path: &Path<'_>, findings: &mut Findings) {
    let len = items.len() as u64;
    if let Some(rule) = broken(schema.items_len, len) {
        let message = format!("must have {rule} items, has {len}");
        findings.violation(Violation::new(path, message));
        return;
    }
    if let Some(schema) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            check(schema, item, &path.item(index), findings);
        }
    }
    check_distinct(schema, items, path, findings);
}

/// Lists of type `set` and `map` hold each item, or each key, once.
fn check_distinct(schema: &Node, items: &[Value], path: &Path<'_>, findings: &mut Findings) {
    let keys = match &schema.list {
        ListType::Atomic => return,
        ListType::Set => None,
        ListType::Map(keys) => Some(keys),
    };
    let identity = |item: &Value| -> Value {
        match keys {
            None => item.clone(),
            Some(keys) => keys.iter().map(|key| item[key.as_str()].clone()).collect(),
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = identity(item);
        if !seen.insert(identity.to_string()) {
            let item_path = path.item(index);
            let (at, shown) = match keys.map(Vec::as_slice) {
                Some([key]) => (item_path.field(key).to_string(), item[key.as_str()].clone()),
                _ => (item_path.to_string(), identity),
            };
            let violation = Violation::new(at, "is there already: it must be unique in the list");
            findings.violation(violation.with_value(&shown));
        }
    }
}

fn check_string(schema: &Node, text: &str, path: &Path<'_>, findings: &mut Findings) {
    let value = || Value::String(text.to_string());
    let chars = text.chars().count() as u64;
    if let Some(rule) = broken(schema.string_chars, chars) {
        let message = format!("must have {rule} characters, has {chars}");
        findings.violation(Violation::new(path, message).with_value(&value()));
    } else if let Some(pattern) = &schema.pattern
        && !pattern.is_match(text)
    {
        let message = format!("must match {pattern}");
        findings.violation(Violation::new(path, message).with_value(&value()));
    }
}

fn check_number(schema: &Node, value: &Value, path: &Path<'_>, findings: &mut Findings) {
    let number = value.as_f64().unwrap_or_default();
    let fits = match schema.format {
        Some(Format::Int32) => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        Some(Format::Int64) => value.as_i64().is_some(),
        None => true,
    };
    let Range { min, max } = schema.number;
    let message = match (min, max) {
        (Some(min), _) if number < min => format!("must be at least {min}"),
        (_, Some(max)) if number > max => format!("must be at most {max}"),
        _ if !fits => match schema.format {
            Some(Format::Int32) => format!("must be at most {}", i32::MAX),
            _ => format!("must be at most {}", i64::MAX),
        },
        _ => return,
    };
    findings.violation(Violation::new(path, message).with_value(value));
}

/// `at least 1` or `at most 16` where a count is out of bounds.
fn broken(range: Range<u64>, count: u64) -> Option<String> {
    match range {
        Range { min: Some(min), .. } if count < min => Some(format!("at least {min}")),
        Range { max: Some(max), .. } if count > max => Some(format!("at most {max}")),
        _ => None,
    }
}

// === impl Type ===

impl Type {
    fn matches(self, value: &Value) -> bool {
        let integer = value.is_i64() || value.is_u64();
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => integer,
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntOrString => integer || value.is_string(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "list",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "integer or string",
        }
    }
}

/// Type of a value, in the words of [`Type::name`].
pub(crate) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// A string without quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_string)
}
