//! A structural schema, compiled: regular expressions and CEL programs ready to run.
//!
//! Made once per kind from the CRD. A keyword that the validator does not know is an error, so
//! that nothing in the YAML is checked by the API server alone.

use std::collections::BTreeMap;

use cel::Program;
use regex::Regex;
use serde_json::{Map, Value};

/// A schema that cannot be compiled; a mistake in this crate, which its tests catch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema of {path}: {message}")]
pub(crate) struct SchemaError {
    path: String,
    message: String,
}

/// One level of a schema.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// `None` takes any value.
    pub(crate) type_: Option<Type>,
    pub(crate) format: Option<Format>,
    pub(crate) preserve_unknown: bool,
    pub(crate) properties: BTreeMap<String, Node>,
    pub(crate) required: Vec<String>,
    /// Schema of the values of a map.
    pub(crate) additional: Option<Box<Node>>,
    pub(crate) properties_max: Option<u64>,
    pub(crate) items: Option<Box<Node>>,
    pub(crate) items_len: Range<u64>,
    pub(crate) list: ListType,
    pub(crate) string_chars: Range<u64>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) number: Range<f64>,
    pub(crate) allowed: Vec<Value>,
    pub(crate) default: Option<Value>,
    pub(crate) rules: Vec<Rule>,
}

/// JSON types of a structural schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// Formats that bound a value; others are notes to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Int32,
    Int64,
}

/// What makes the items of a list distinct.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// Inclusive bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Range<T> {
    pub(crate) min: Option<T>,
    pub(crate) max: Option<T>,
}

/// A CEL rule of `x-kubernetes-validations`.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) program: Program,
    pub(crate) message: String,
}

// === impl Node ===

impl Node {
    /// Compiles an `openAPIV3Schema`.
    ///
    /// # Errors
    /// When a keyword, expression or rule is not understood.
    pub(crate) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        compile(schema, "")
    }

    /// Whether an object of this schema may have a field that the schema does not name.
    pub(crate) fn is_open(&self) -> bool {
        self.preserve_unknown || self.additional.is_some()
    }
}

fn compile(schema: &Value, path: &str) -> Result<Node, SchemaError> {
    let object = schema
        .as_object()
        .ok_or_else(|| error(path, "is not an object"))?;
    let mut node = Node::default();
    for (keyword, value) in object {
        read_keyword(&mut node, keyword, value, path)?;
    }
    if let ListType::Map(_) = node.list {
        let keys = object
            .get("x-kubernetes-list-map-keys")
            .map(strings)
            .unwrap_or_default();
        node.list = ListType::Map(keys);
    }
    Ok(node)
}

fn read_keyword(
    node: &mut Node,
    keyword: &str,
    value: &Value,
    path: &str,
) -> Result<(), SchemaError> {
    match keyword {
        "type" => node.type_ = Some(read_type(value, path)?),
        "x-kubernetes-int-or-string" => node.type_ = Some(Type::IntOrString),
        "format" => node.format = read_format(value),
        "properties" => node.properties = read_properties(value, path)?,
        "required" => node.required = strings(value),
        "additionalProperties" => match value {
            Value::Bool(open) => node.preserve_unknown |= open,
            schema => node.additional = Some(Box::new(compile(schema, &format!("{path}.*"))?)),
        },
        "items" => node.items = Some(Box::new(compile(value, &format!("{path}[]"))?)),
        "enum" => node.allowed = value.as_array().cloned().unwrap_or_default(),
        "minimum" => node.number.min = value.as_f64(),
        "maximum" => node.number.max = value.as_f64(),
        "minLength" => node.string_chars.min = value.as_u64(),
        "maxLength" => node.string_chars.max = value.as_u64(),
        "minItems" => node.items_len.min = value.as_u64(),
        "maxItems" => node.items_len.max = value.as_u64(),
        "maxProperties" => node.properties_max = value.as_u64(),
        "pattern" => {
            let text = value.as_str().unwrap_or_default();
            node.pattern = Some(Regex::new(text).map_err(|e| error(path, &e.to_string()))?);
        }
        "default" => node.default = Some(value.clone()),
        "x-kubernetes-preserve-unknown-fields" => {
            node.preserve_unknown |= value.as_bool().unwrap_or_default();
        }
        "x-kubernetes-list-type" => {
            node.list = match value.as_str() {
                Some("set") => ListType::Set,
                Some("map") => ListType::Map(Vec::new()),
                _ => ListType::Atomic,
            };
        }
        "x-kubernetes-validations" => node.rules = read_rules(value, path)?,
        "description" | "x-kubernetes-list-map-keys" | "x-kubernetes-map-type" => {}
        other => return Err(error(path, &format!("unknown keyword {other}"))),
    }
    Ok(())
}

fn read_type(value: &Value, path: &str) -> Result<Type, SchemaError> {
    Ok(match value.as_str() {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        _ => return Err(error(path, &format!("unknown type {value}"))),
    })
}

fn read_format(value: &Value) -> Option<Format> {
    match value.as_str() {
        Some("int32") => Some(Format::Int32),
        Some("int64") => Some(Format::Int64),
        _ => None,
    }
}

fn read_properties(value: &Value, path: &str) -> Result<BTreeMap<String, Node>, SchemaError> {
    value
        .as_object()
        .unwrap_or(&Map::new())
        .iter()
        .map(|(name, schema)| Ok((name.clone(), compile(schema, &format!("{path}.{name}"))?)))
        .collect()
}

fn read_rules(value: &Value, path: &str) -> Result<Vec<Rule>, SchemaError> {
    let rules = value.as_array().map(Vec::as_slice).unwrap_or_default();
    rules
        .iter()
        .map(|rule| {
            let text = rule["rule"].as_str().unwrap_or_default();
            let program =
                Program::compile(text).map_err(|e| error(path, &format!("rule {text:?}: {e}")))?;
            let message = rule["message"].as_str();
            let message = message.map_or_else(|| format!("failed rule: {text}"), str::to_string);
            Ok(Rule { program, message })
        })
        .collect()
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_string)
        .collect()
}

fn error(path: &str, message: &str) -> SchemaError {
    SchemaError {
        path: path.trim_start_matches('.').to_string(),
        message: message.to_string(),
    }
}
