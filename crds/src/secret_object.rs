//! A Secret whose values are never printed.
//!
//! Read by hand, not through `k8s-openapi`: its type prints values in `Debug`, serde's messages
//! repeat them, and metadata may hold a copy of them (`last-applied-configuration`), so nothing
//! of the object but its name and wrapped values is kept.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tollgate_secret::Secret;

use crate::validation::{Path, Violation, name_of};

/// Type of a Secret that names none.
const TYPE_DEFAULT: &str = "Opaque";

/// A core/v1 Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretObject {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `data`, decoded, and `stringData`, which wins where both name an entry.
    pub data: BTreeMap<String, Secret<Vec<u8>>>,
    /// `Opaque`, `kubernetes.io/tls` and so on.
    pub type_: String,
}

// === impl SecretObject ===

impl SecretObject {
    /// Reads a Secret whose metadata is known to be right. Violations never hold a value.
    pub(crate) fn parse(value: &Value) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut data = BTreeMap::new();
        for field in ["data", "stringData"] {
            read_entries(&value[field], field, &mut data, &mut violations);
        }
        let text = |value: &Value| value.as_str().map(str::to_string);
        let type_ = match &value["type"] {
            Value::Null => TYPE_DEFAULT.to_string(),
            Value::String(type_) => type_.clone(),
            other => {
                violations.push(Violation::new("type", wrong_type(other)));
                String::new()
            }
        };
        if !violations.is_empty() {
            return Err(violations);
        }
        let metadata = &value["metadata"];
        Ok(Self {
            namespace: text(&metadata["namespace"]).unwrap_or_default(),
            name: text(&metadata["name"]).unwrap_or_default(),
            data,
            type_,
        })
    }
}

fn read_entries(
    entries: &Value,
    field: &str,
    data: &mut BTreeMap<String, Secret<Vec<u8>>>,
    violations: &mut Vec<Violation>,
) {
    let root = Path::Root;
    let path = root.field(field);
    let entries = match entries {
        Value::Null => return,
        Value::Object(entries) => entries,
        other => {
            let message = format!("must be of type object, is {}", name_of(other));
            violations.push(Violation::new(path, message));
            return;
        }
    };
    for (key, value) in entries {
        match read_entry(value, field) {
            Ok(bytes) => {
                data.insert(key.clone(), Secret::new(bytes));
            }
            Err(message) => violations.push(Violation::new(path.field(key), message)),
        }
    }
}

fn read_entry(value: &Value, field: &str) -> Result<Vec<u8>, String> {
    let text = match value {
        // Kubernetes reads an entry without a value as an empty one.
        Value::Null => "",
        Value::String(text) => text,
        other => return Err(wrong_type(other)),
    };
    if field == "stringData" {
        return Ok(text.as_bytes().to_vec());
    }
    let compact: String = text.split(['\r', '\n']).collect();
    STANDARD
        .decode(compact)
        .map_err(|_| "must be base64; plain text goes to stringData".to_string())
}

fn wrong_type(value: &Value) -> String {
    format!(
        "must be of type string, is {}; write it in quotes",
        name_of(value)
    )
}
