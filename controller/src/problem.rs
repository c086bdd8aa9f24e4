//! What is wrong with a configuration, for the person who wrote it: where, in which object, why.
//!
//! Statuses tell what became of an object; problems tell what never became one, and what
//! concerns no single object.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where it is written; `None` for what only came out of several places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// `Kind namespace/name`, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Path of the field: `spec.backends[0].model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The value and the rule it breaks.
    pub message: String,
    /// How much it matters.
    pub severity: Severity,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file as it was named.
    pub file: PathBuf,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that was asked for is not in effect.
    Error,
    /// In effect, but perhaps not as its author hopes.
    Warning,
    /// Nothing is wrong: a document that is for others was passed over.
    Note,
}

// === impl Problem ===

impl Problem {
    /// An error that belongs to no line of a file.
    pub fn of_object(object: String, message: String) -> Self {
        Self {
            place: None,
            object: Some(object),
            field: None,
            message,
            severity: Severity::Error,
        }
    }

    /// Tells the log, at the level of its severity.
    pub fn log(&self) {
        match self.severity {
            Severity::Error | Severity::Warning => tracing::warn!("{self}"),
            Severity::Note => tracing::info!("{self}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            object,
            field,
            message,
            severity: _,
        } = self;
        if let Some(place) = place {
            write!(f, "{place}: ")?;
        }
        if let Some(object) = object {
            write!(f, "{object}: ")?;
        }
        if let Some(field) = field {
            write!(f, "{field}: ")?;
        }
        f.write_str(message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.line {
            0 => write!(f, "{file}"),
            line => write!(f, "{file}:{line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Problem, Severity};

    #[test]
    fn a_problem_prints_file_line_object_field_and_rule() {
        let mut problem = Problem {
            place: Some(Place {
                file: "conf/a.yaml".into(),
                line: 7,
            }),
            object: Some("Secret default/key".to_string()),
            field: Some("data.apiKey".to_string()),
            message: "must be base64".to_string(),
            severity: Severity::Error,
        };
        assert_eq!(
            problem.to_string(),
            "conf/a.yaml:7: Secret default/key: data.apiKey: must be base64"
        );
        problem.place = Some(Place {
            file: "conf/a.yaml".into(),
            line: 0,
        });
        (problem.object, problem.field) = (None, None);
        assert_eq!(problem.to_string(), "conf/a.yaml: must be base64");
    }
}
