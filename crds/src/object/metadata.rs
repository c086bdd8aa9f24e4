//! The part of an object that no CRD describes: its name and namespace.

use serde_json::{Value, json};

use super::DEFAULT_NAMESPACE;
use crate::kinds::Scope;
use crate::validation::{Violation, name_of};

/// RFC 1123: what Kubernetes takes as the name of an object and of a namespace.
const SUBDOMAIN_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

/// Puts the default namespace where there is none, takes it from kinds that have none, and
/// checks both names.
pub(super) fn complete(object: &mut Value, scope: Scope) -> Vec<Violation> {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        let is = name_of(&object["metadata"]);
        let message = match is {
            "null" => "is required".to_string(),
            is => format!("must be of type object, is {is}"),
        };
        return vec![Violation::new("metadata", message)];
    };
    let namespace = metadata.entry("namespace").or_insert(Value::Null);
    match scope {
        Scope::Cluster => {
            metadata.remove("namespace");
        }
        Scope::Namespaced if namespace.is_null() || *namespace == "" => {
            *namespace = json!(DEFAULT_NAMESPACE);
        }
        Scope::Namespaced => {}
    }
    let mut violations = Vec::new();
    let name = metadata.get("name").unwrap_or(&Value::Null);
    let is_subdomain =
        |text: &str| text.len() <= SUBDOMAIN_CHARS_MAX && text.split('.').all(is_label);
    let rule = "must be lower-case letters, digits, - and ., begin and end with a letter or digit, and have at most 253 characters";
    violations.extend(check("metadata.name", name, is_subdomain, rule));
    if let Some(namespace) = metadata.get("namespace") {
        let is_label = |text: &str| text.len() <= LABEL_CHARS_MAX && is_label(text);
        let rule = "must be lower-case letters, digits and -, begin and end with a letter or digit, and have at most 63 characters";
        violations.extend(check("metadata.namespace", namespace, is_label, rule));
    }
    violations
}

fn check(path: &str, value: &Value, valid: impl Fn(&str) -> bool, rule: &str) -> Option<Violation> {
    match value {
        Value::String(text) if valid(text) => None,
        Value::String(text) if text.is_empty() => Some(Violation::new(path, "is required")),
        Value::String(_) => Some(Violation::new(path, rule).with_value(value)),
        Value::Null => Some(Violation::new(path, "is required")),
        other => {
            let message = format!(
                "must be of type string, is {}; write it in quotes",
                name_of(other)
            );
            Some(Violation::new(path, message))
        }
    }
}

/// Lower-case letters, digits and `-`, not at either end.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
