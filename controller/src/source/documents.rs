//! One text → its documents, each with the line it begins on.
//!
//! Documents are cut out of a YAML stream before any is parsed, so that a broken one never
//! stops the others. Fed by `folder`; what it makes goes to `tollgate_crds::parse_object`.

use serde_json::Value;

use super::expand::{Lookup, expand};
use super::meant;

/// Most documents taken from one text.
pub const DOCUMENTS_MAX: usize = 10_000;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A YAML stream: any number of documents.
    Yaml,
    /// One JSON value.
    Json,
}

/// One document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Line of its text that says something first, from 1.
    pub line: usize,
    /// What it says; never null.
    pub value: Value,
}

/// A document that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Line of the mistake, from 1.
    pub line: usize,
    /// What is wrong, without a word of the document itself: it may hold a secret.
    pub message: String,
    /// The client or budget that it was meant to be, without its spec.
    pub guard: Option<Value>,
}

/// Reads all documents of a text, references to the environment replaced.
///
/// Empty documents are skipped; the items of a `kind: List` come one by one, all at the line of
/// the list. At most [`DOCUMENTS_MAX`] come out; what is beyond is one [`Broken`].
pub fn parse_documents(
    text: &str,
    format: Format,
    lookup: Lookup<'_>,
) -> Vec<Result<Document, Broken>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = Vec::new();
    for chunk in split(text, format) {
        match parse_chunk(&chunk, format, lookup) {
            Ok(None) => {}
            Ok(Some(value)) => push_items(value, chunk.line, 0, &mut out),
            Err(broken) => out.push(Err(broken)),
        }
        if out.len() > DOCUMENTS_MAX {
            out.truncate(DOCUMENTS_MAX);
            let message =
                format!("more than {DOCUMENTS_MAX} documents in one file; the rest is not read");
            out.push(Err(Broken {
                line: chunk.line,
                message,
                guard: None,
            }));
            break;
        }
    }
    out
}

/// A part of a text that is parsed alone.
struct Chunk<'a> {
    /// Line on which `text` begins, from 1.
    first_line: usize,
    /// Line that says something first, from 1.
    line: usize,
    text: &'a str,
}

fn split(text: &str, format: Format) -> Vec<Chunk<'_>> {
    if format == Format::Json {
        return Chunk::new(text, 1).into_iter().collect();
    }
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        // YAML 1.2 section 9.1.2: these marks at the start of a line end a document even within
        // a block scalar or quotes. Directives (`%`) belong to the document that follows.
        if is_marker(line, "---") || is_marker(line, "...") {
            let before = &text[start..offset];
            if !is_directives(before) {
                chunks.extend(Chunk::new(before, start_line));
                let ends = line.starts_with('.');
                start = if ends { offset + line.len() } else { offset };
                start_line = if ends { index + 2 } else { index + 1 };
            }
        }
        offset += line.len();
    }
    chunks.extend(Chunk::new(&text[start..], start_line));
    chunks
}

/// Whether a text is the head of a document whose `---` is still to come.
fn is_directives(text: &str) -> bool {
    text.lines().any(|line| line.starts_with('%'))
        && text
            .lines()
            .all(|line| line.trim().is_empty() || line.starts_with(['%', '#']))
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn parse_chunk(
    chunk: &Chunk<'_>,
    format: Format,
    lookup: Lookup<'_>,
) -> Result<Option<Value>, Broken> {
    let broken = |line: usize, message: String| Broken {
        line: chunk.first_line + line.saturating_sub(1),
        message,
        guard: meant::guard(chunk.text),
    };
    let text = expand(chunk.text, lookup).map_err(|error| broken(error.line, error.to_string()))?;
    let value: Value = match format {
        Format::Json => serde_json::from_str(&text).map_err(|error| {
            broken(
                error.line(),
                format!("not valid JSON: {}", json_rule(&error)),
            )
        })?,
        Format::Yaml => {
            let options = serde_saphyr::options! { with_snippet: false };
            serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
                let line = error
                    .location()
                    .map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
                broken(line, format!("not valid YAML: {}", yaml_rule(&error)))
            })?
        }
    };
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(value)),
        other => Err(Broken {
            line: chunk.line,
            message: format!(
                "a document must be an object with apiVersion and kind, not {}",
                kind_of(&other)
            ),
            guard: None,
        }),
    }
}

/// Puts a value, or the items of a list, behind what is there.
fn push_items(value: Value, line: usize, depth: usize, out: &mut Vec<Result<Document, Broken>>) {
    const LISTS_IN_LISTS_MAX: usize = 4;
    if out.len() > DOCUMENTS_MAX {
        return;
    }
    let is_list = value["kind"] == "List" && value["items"].is_array();
    match value {
        Value::Object(mut object) if is_list && depth < LISTS_IN_LISTS_MAX => {
            if let Some(Value::Array(items)) = object.remove("items") {
                for item in items {
                    push_items(item, line, depth + 1, out);
                }
            }
        }
        value @ Value::Object(_) => out.push(Ok(Document { line, value })),
        other => out.push(Err(Broken {
            line,
            message: format!(
                "an item of a list must be an object, not {}",
                kind_of(&other)
            ),
            guard: None,
        })),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The message without the position, which is said relative to the file.
fn json_rule(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_string()
}

/// The first line of the message, without the position, which is said relative to the file.
fn yaml_rule(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let rule = first.split(" at line ").next().unwrap_or_default();
    rule.trim_start_matches("error: ").to_string()
}

// === impl Chunk ===

impl<'a> Chunk<'a> {
    /// `None` when the text says nothing.
    fn new(text: &'a str, first_line: usize) -> Option<Self> {
        let says_something = |line: &&str| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            !line.is_empty() && !line.starts_with('#')
        };
        let before = text.lines().position(|line| says_something(&line))?;
        Some(Self {
            first_line,
            line: first_line + before,
            text,
        })
    }
}

#[cfg(test)]
mod tests;
