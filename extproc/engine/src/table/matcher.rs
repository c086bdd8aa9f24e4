//! The conditions of a rule, compiled.

use regex::bytes::Regex;
use tollgate_bundle::{Match, Rule, ValueMatch};

/// Any of these selects the rule; an empty list selects all.
#[derive(Debug)]
pub(super) struct Matcher(Vec<Conditions>);

#[derive(Debug)]
struct Conditions {
    model: Option<Value>,
    headers: Vec<(String, Value)>,
}

#[derive(Debug)]
enum Value {
    Exact(String),
    Regex(Regex),
    /// Could not be compiled: matches nothing.
    Never,
}

// === impl Matcher ===

impl Matcher {
    pub(super) fn compile(rule: &Rule, problems: &mut Vec<String>) -> Self {
        let mut compile = |value: &ValueMatch| match Value::compile(value) {
            Ok(value) => value,
            Err(error) => {
                problems.push(format!("rule {}: {error}", rule.id));
                Value::Never
            }
        };
        let conditions = rule
            .matches
            .iter()
            .map(|Match { model, headers }| Conditions {
                model: model.as_ref().map(&mut compile),
                headers: headers
                    .iter()
                    .map(|header| (header.name.clone(), compile(&header.value)))
                    .collect(),
            })
            .collect();
        Self(conditions)
    }

    pub(super) fn matches<'h>(
        &self,
        model: &str,
        header: impl Fn(&str) -> Option<&'h [u8]> + Copy,
    ) -> bool {
        self.0.is_empty() || self.0.iter().any(|any| any.hold(model, header))
    }
}

// === impl Conditions ===

impl Conditions {
    fn hold<'h>(&self, model: &str, header: impl Fn(&str) -> Option<&'h [u8]>) -> bool {
        let model_holds = self
            .model
            .as_ref()
            .is_none_or(|value| value.holds(model.as_bytes()));
        model_holds
            && self
                .headers
                .iter()
                .all(|(name, value)| header(name).is_some_and(|found| value.holds(found)))
    }
}

// === impl Value ===

impl Value {
    fn compile(value: &ValueMatch) -> Result<Self, regex::Error> {
        Ok(match value {
            ValueMatch::Exact(text) => Self::Exact(text.clone()),
            ValueMatch::Regex(text) => Self::Regex(Regex::new(&format!("^(?:{text})$"))?),
        })
    }

    fn holds(&self, found: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text.as_bytes() == found,
            Self::Regex(regex) => regex.is_match(found),
            Self::Never => false,
        }
    }
}
