//! Environment references in manifests: `${NAME}`, `${NAME:=default}`, `${NAME:-default}`.
//!
//! Works on the text of one document, before it is parsed, so that a number stays a number.
//! Pure: what a name stands for comes from a lookup function.

use std::fmt;

/// What a name of the environment stands for; `None` when it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A reference that has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// Line within the text, from 1.
    pub line: usize,
    /// The name in the reference.
    pub name: String,
    /// What is wrong with it.
    pub reason: ExpandReason,
}

/// Why a reference cannot be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpandReason {
    /// Not set, and the reference has no default.
    Undefined,
    /// Its value has a line break, which only a double-quoted text or a line of its own can hold.
    LineBreak,
}

/// Replaces the references in `text`.
///
/// An empty value takes the default, as in a shell. `$${NAME}` stands for the text `${NAME}`;
/// every other `$` is left alone. Between quotes a value is escaped, so that no value can end
/// the quotes it stands in; elsewhere it is put in as it is. A comment may name what is not set.
///
/// # Errors
/// The first reference without a value.
pub fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, ExpandError> {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.contains("${") {
            expand_line(line, lookup, &mut out).map_err(|(name, reason)| ExpandError {
                line: index + 1,
                name,
                reason,
            })?;
        } else {
            out.push_str(line);
        }
    }
    Ok(out)
}

fn expand_line(
    line: &str,
    lookup: Lookup<'_>,
    out: &mut String,
) -> Result<(), (String, ExpandReason)> {
    let mut context = Context::default();
    let mut rest = line;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        context.read(before);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let Some((parsed, after)) = Reference::parse(reference) else {
            out.push_str("${");
            rest = &reference[2..];
            continue;
        };
        let found =
            lookup(parsed.name).filter(|value| !(value.is_empty() && parsed.default.is_some()));
        match found.as_deref().or(parsed.default) {
            Some(value) => match context.render(value) {
                Some(rendered) => out.push_str(&rendered),
                None if context.place == Place::Comment => {
                    out.push_str(&reference[..reference.len() - after.len()])
                }
                None => return Err((parsed.name.to_string(), ExpandReason::LineBreak)),
            },
            None if context.place == Place::Comment => {
                out.push_str(&reference[..reference.len() - after.len()]);
            }
            None => return Err((parsed.name.to_string(), ExpandReason::Undefined)),
        }
        context.bare = false;
        rest = after;
    }
    out.push_str(rest);
    Ok(())
}

/// A reference as it is written.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

/// Where in a line of YAML a reference stands.
struct Context {
    place: Place,
    /// Only white space so far.
    bare: bool,
    indent: String,
    previous: char,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    SingleQuotes,
    DoubleQuotes,
    Comment,
}

// === impl Reference ===

impl<'a> Reference<'a> {
    /// Reads the reference at the start of `text`, which begins with `${`; gives what follows it.
    fn parse(text: &'a str) -> Option<(Self, &'a str)> {
        let inside = text.strip_prefix("${")?;
        let name_len = inside
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inside.len());
        let (name, tail) = inside.split_at(name_len);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Some(after) = tail.strip_prefix('}') {
            return Some((
                Self {
                    name,
                    default: None,
                },
                after,
            ));
        }
        let tail = tail
            .strip_prefix(":=")
            .or_else(|| tail.strip_prefix(":-"))?;
        let (default, after) = tail.split_once('}')?;
        (!default.contains('\n')).then_some((
            Self {
                name,
                default: Some(default),
            },
            after,
        ))
    }
}

// === impl Context ===

impl Default for Context {
    fn default() -> Self {
        Self {
            place: Place::Plain,
            bare: true,
            indent: String::new(),
            previous: ' ',
        }
    }
}

impl Context {
    /// Follows quotes and comments through a part of the line. Quotes begin only where YAML lets
    /// them begin, so that the apostrophe of `don't` begins nothing.
    fn read(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let begins = matches!(self.previous, ' ' | '\t' | '[' | '{' | ',' | ':');
            self.place = match (self.place, c) {
                (Place::Plain, '"') if begins => Place::DoubleQuotes,
                (Place::Plain, '\'') if begins => Place::SingleQuotes,
                (Place::Plain, '#') if matches!(self.previous, ' ' | '\t') => Place::Comment,
                (Place::SingleQuotes, '\'') | (Place::DoubleQuotes, '"') => Place::Plain,
                (place, _) => place,
            };
            if self.place == Place::DoubleQuotes && c == '\\' {
                chars.next();
            }
            if self.bare && matches!(c, ' ' | '\t') {
                self.indent.push(c);
            } else {
                self.bare = false;
            }
            self.previous = c;
        }
    }

    /// A value as it is written in this place; `None` when this place cannot hold it.
    fn render(&self, value: &str) -> Option<String> {
        let breaks = value.contains(['\n', '\r']);
        match self.place {
            Place::DoubleQuotes => Some(escape_double(value)),
            _ if breaks && self.bare && self.place == Place::Plain => {
                let lines: Vec<&str> = value.trim_end().lines().collect();
                Some(lines.join(&format!("\n{}", self.indent)))
            }
            _ if breaks => None,
            Place::SingleQuotes => Some(value.replace('\'', "''")),
            Place::Plain | Place::Comment => Some(value.to_string()),
        }
    }
}

fn escape_double(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out
}

// === impl ExpandError ===

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.reason {
            ExpandReason::Undefined => write!(
                f,
                "environment variable {name} is not set and `${{{name}}}` has no default; \
                 set it, or write `${{{name}:=default}}`"
            ),
            ExpandReason::LineBreak => write!(
                f,
                "the value of environment variable {name} has a line break; \
                 write `\"${{{name}}}\"` in double quotes"
            ),
        }
    }
}

impl std::error::Error for ExpandError {}

#[cfg(test)]
mod tests;
