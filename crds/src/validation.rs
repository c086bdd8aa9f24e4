//! Checks an object against the schema in its CRD, CEL rules included, as an API server would.
//!
//! Fed by `object` with JSON and by `crd` with schemas; returns every violation with its path.

mod check;
mod node;
mod path;
mod prepare;
mod rules;

use std::fmt;

use serde_json::Value;

pub(crate) use check::name_of;
pub(crate) use node::{Node, SchemaError};
pub(crate) use path::Path;

/// Most violations (and most warnings) reported for one object.
const REPORTED_MAX: usize = 32;

/// Longest part of a wrong value that a violation repeats, in characters.
const VALUE_CHARS_MAX: usize = 80;

/// One rule that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where: `spec.backends[0].provider`.
    pub path: String,
    /// What is wrong, lower case, without the path: `must be one of openai, anthropic`.
    pub message: String,
    /// The value as JSON, where it is short and helps.
    pub value: Option<String>,
}

/// Something in an object that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where: `spec.backend`.
    pub path: String,
    /// What: `unknown field, ignored`.
    pub message: String,
}

/// Everything found in one object.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<Violation>,
    pub(crate) warnings: Vec<Warning>,
}

/// Prunes nulls and fills in defaults, then checks. The order is that of an API server: rules
/// see the object with its defaults.
pub(crate) fn validate(schema: &Node, object: &mut Value) -> Findings {
    prepare::prepare(schema, object);
    let mut findings = Findings::default();
    check::check(schema, object, &Path::Root, &mut findings);
    // A rule may rely on types; an API server does not run it before they are right.
    if findings.violations.is_empty() {
        rules::check(schema, object, &mut findings);
    }
    findings
}

// === impl Violation ===

impl Violation {
    pub(crate) fn new(path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self {
            path: path.to_string(),
            message: message.into(),
            value: None,
        }
    }

    pub(crate) fn with_value(mut self, value: &Value) -> Self {
        let text = value.to_string();
        let mut shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        self.value = Some(shown);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            message,
            value,
        } = self;
        match value {
            Some(value) => write!(f, "{path}: {value} {message}"),
            None => write!(f, "{path}: {message}"),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

// === impl Findings ===

impl Findings {
    fn violation(&mut self, violation: Violation) {
        if self.violations.len() < REPORTED_MAX {
            self.violations.push(violation);
        }
    }

    fn warning(&mut self, path: impl fmt::Display, message: &str) {
        if self.warnings.len() < REPORTED_MAX {
            self.warnings.push(Warning {
                path: path.to_string(),
                message: message.to_string(),
            });
        }
    }
}
