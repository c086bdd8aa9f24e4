//! Manifests → the snapshot that translation reads, and everything that is wrong with them.
//!
//! A document that cannot be used is a problem with its file and line; the others stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tollgate_crds::{DEFAULT_NAMESPACE, Object, ObjectError, parse_object_with_warnings};
use tollgate_translate::{BrokenBudget, ObjectRef, World};

use super::documents::{Document, Format, parse_documents};
use super::expand::Lookup;
use super::files::{format_of, list_files, read_text};
use crate::problem::{Place, Problem, Severity};

/// Where manifests are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifests {
    /// Files and folders, as typed.
    Paths(Vec<PathBuf>),
    /// A YAML text made by us.
    Text {
        /// What it is called in problems.
        name: &'static str,
        /// The text; references to the environment are expanded.
        text: Arc<str>,
    },
}

/// What the manifests say.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// All objects that can be used.
    pub world: World,
    /// What is wrong, in the order of files and lines.
    pub problems: Vec<Problem>,
    /// How many objects there are.
    pub objects: usize,
    /// Where each object stands.
    pub places: BTreeMap<ObjectRef, Place>,
}

/// Reads all manifests. Blocks on the disk.
pub fn load(manifests: &Manifests, environment: Lookup<'_>) -> Loaded {
    let mut loader = Loader::default();
    match manifests {
        Manifests::Paths(paths) => {
            let list = list_files(paths);
            for (path, message) in list.failures {
                loader.problem(&path, 0, message);
            }
            for file in &list.files {
                match read_text(file) {
                    Ok(text) => loader.read(file, &text, format_of(file), environment),
                    Err(message) => loader.problem(file, 0, message),
                }
            }
        }
        Manifests::Text { name, text } => {
            loader.read(Path::new(name), text, Format::Yaml, environment);
        }
    }
    loader.loaded
}

#[derive(Default)]
struct Loader {
    loaded: Loaded,
}

// === impl Loader ===

impl Loader {
    fn read(&mut self, file: &Path, text: &str, format: Format, environment: Lookup<'_>) {
        for document in parse_documents(text, format, environment) {
            match document {
                Ok(document) => self.object(file, document),
                Err(broken) => {
                    self.problem(file, broken.line, broken.message.clone());
                    if let Some(guard) = &broken.guard {
                        self.refuse_for(guard, broken.message);
                    }
                }
            }
        }
    }

    /// A document that is meant to be a client or a budget, and is not used because of `rules`:
    /// what it guards stays guarded.
    fn refuse_for(&mut self, document: &Value, rules: String) {
        let world = &mut self.loaded.world;
        if let Some(budget) = BrokenBudget::read(document) {
            world.insert_broken_budget(budget.because(rules));
        } else if document["kind"] == "Consumer" && is_ours(document) {
            let namespace = document["metadata"]["namespace"].as_str();
            world.insert_broken_consumer(namespace.unwrap_or(DEFAULT_NAMESPACE));
        }
    }

    fn object(&mut self, file: &Path, document: Document) {
        let place = Place {
            file: file.to_path_buf(),
            line: document.line,
        };
        let guard = is_ours(&document.value).then(|| document.value.clone());
        let (object, warnings) = match parse_object_with_warnings(document.value) {
            Ok(parsed) => parsed,
            Err(error) => {
                if let Some(guard) = guard {
                    self.refuse_for(&guard, rules_of(&error));
                }
                return self.loaded.problems.extend(problems_of(&error, &place));
            }
        };
        let (group, kind) = object.group_kind();
        let identity = ObjectRef {
            group: group.to_string(),
            kind: kind.to_string(),
            namespace: object.namespace().map(str::to_string),
            name: object.name().to_string(),
        };
        let title = title(kind, object.namespace(), object.name());
        if let Some(first) = self.loaded.places.get(&identity) {
            let message = format!("is already at {first}, which is used; this one is not");
            self.loaded
                .world
                .note_duplicate(&object, &place.to_string());
            self.loaded.problems.push(Problem {
                object: Some(title),
                place: Some(place),
                field: None,
                message,
                severity: Severity::Error,
            });
            return;
        }
        self.loaded
            .problems
            .extend(warnings.into_iter().map(|warning| Problem {
                place: Some(place.clone()),
                object: Some(title.clone()),
                field: Some(warning.path),
                message: warning.message,
                severity: Severity::Warning,
            }));
        self.loaded.places.insert(identity, place);
        self.insert(object);
    }

    fn insert(&mut self, object: Object) {
        self.loaded.objects += 1;
        self.loaded.world.insert(object);
    }

    fn problem(&mut self, file: &Path, line: usize, message: String) {
        self.loaded.problems.push(Problem {
            place: Some(Place {
                file: file.to_path_buf(),
                line,
            }),
            object: None,
            field: None,
            message,
            severity: Severity::Error,
        });
    }
}

/// Whether a document is one of our own kinds.
fn is_ours(document: &Value) -> bool {
    let version = document["apiVersion"].as_str();
    version.is_some_and(|version| version.starts_with("tollgate.dev/"))
}

/// All rules that an object breaks, in one line.
fn rules_of(error: &ObjectError) -> String {
    let ObjectError::Invalid { violations, .. } = error else {
        return error.to_string();
    };
    let rules: Vec<String> = violations.iter().map(ToString::to_string).collect();
    rules.join("; ")
}

/// One problem for each rule that an object breaks.
fn problems_of(error: &ObjectError, place: &Place) -> Vec<Problem> {
    let problem = |severity| Problem {
        place: Some(place.clone()),
        object: None,
        field: None,
        message: error.to_string(),
        severity,
    };
    match error {
        ObjectError::Invalid {
            kind,
            namespace,
            name,
            violations,
        } => violations
            .iter()
            .map(|violation| Problem {
                object: Some(title(kind, namespace.as_deref(), name)),
                field: Some(violation.path.clone()),
                message: match &violation.value {
                    Some(value) => format!("{value} {}", violation.message),
                    None => violation.message.clone(),
                },
                ..problem(Severity::Error)
            })
            .collect(),
        // Manifests of other programs often stand beside ours.
        ObjectError::UnknownKind { .. } => {
            let message = format!("{error}; it is skipped");
            vec![Problem {
                message,
                ..problem(Severity::Note)
            }]
        }
        ObjectError::NoKind { .. }
        | ObjectError::UnknownVersion { .. }
        | ObjectError::Schema { .. } => {
            vec![problem(Severity::Error)]
        }
    }
}

fn title(kind: &str, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

#[cfg(test)]
mod tests;
