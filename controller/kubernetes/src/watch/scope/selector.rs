//! Label selectors as `kubectl --selector` takes them: `env=prod,team in (a, b),!old`.

use std::collections::{BTreeMap, BTreeSet};

/// Requirements that all must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, BTreeSet<String>),
    /// Holds where the label is absent, too.
    NotIn(String, BTreeSet<String>),
}

/// Why a text is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part:?} is no requirement of a label selector; write key=value, key!=value, key in (a, b), key notin (a, b), key or !key, joined by commas"
)]
pub struct SelectorError {
    /// The requirement that cannot be read.
    pub part: String,
}

// === impl Selector ===

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Names the requirement that is none.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        split(text)
            .into_iter()
            .map(requirement)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether labels meet every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
            Requirement::In(key, values) => {
                labels.get(key).is_some_and(|value| values.contains(value))
            }
            Requirement::NotIn(key, values) => {
                labels.get(key).is_none_or(|value| !values.contains(value))
            }
        })
    }
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.collect()
}

fn requirement(part: &str) -> Result<Requirement, SelectorError> {
    let part = part.trim();
    let error = || SelectorError {
        part: part.to_string(),
    };
    let key = |text: &str| {
        let text = text.trim();
        let valid = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        valid.then(|| text.to_string()).ok_or_else(error)
    };
    let one = |value: &str| {
        let value = value.trim();
        let valid = value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        valid.then(|| value.to_string()).ok_or_else(error)
    };
    let single = |value: &str| one(value).map(|value| BTreeSet::from([value]));
    if let Some(list) = part.strip_suffix(')') {
        let (left, values) = list.split_once('(').ok_or_else(error)?;
        let values = values
            .split(',')
            .map(one)
            .collect::<Result<BTreeSet<_>, _>>()?;
        let (name, operator) = left
            .trim()
            .split_once(char::is_whitespace)
            .ok_or_else(error)?;
        return match operator.trim() {
            "in" => Ok(Requirement::In(key(name)?, values)),
            "notin" => Ok(Requirement::NotIn(key(name)?, values)),
            _ => Err(error()),
        };
    }
    if let Some((name, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(name)?, single(value)?));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(key(name)?, single(value)?));
    }
    match part.strip_prefix('!') {
        Some(name) => Ok(Requirement::Absent(key(name)?)),
        None => Ok(Requirement::Exists(key(part)?)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Selector;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let own = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        let labels: BTreeMap<_, _> = labels.iter().map(own).collect();
        Selector::parse(selector).expect(selector).matches(&labels)
    }

    #[test]
    fn every_operator_is_read() {
        let prod = [("env", "prod"), ("example.com/team", "a")];
        for selector in [
            "env=prod",
            "env == prod",
            "env!=test",
            "old!=yes",
            "env in (test, prod)",
            "env notin (test)",
            "env,!old",
            "example.com/team in (a,b),env=prod",
        ] {
            assert!(matches(selector, &prod), "{selector}");
        }
        for selector in [
            "env=test",
            "env!=prod",
            "old",
            "!env",
            "env notin (prod)",
            "env=",
        ] {
            assert!(!matches(selector, &prod), "{selector}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_named() {
        for (selector, part) in [
            ("env=prod,a b", "a b"),
            ("env in prod", "env in prod"),
            ("env among (a)", "env among (a)"),
            ("=x", "=x"),
            ("a,,b", ""),
        ] {
            let error = Selector::parse(selector).expect_err(selector);
            assert_eq!(error.part, part);
        }
    }
}
