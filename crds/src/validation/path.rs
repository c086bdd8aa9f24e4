//! Where in an object the validator is: a list on the stack, printed only for a finding.

use std::fmt;

/// A place in an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// The object itself.
    Root,
    /// A field of the place before.
    Field(&'a Path<'a>, &'a str),
    /// An item of the place before.
    Item(&'a Path<'a>, usize),
}

// === impl Path ===

impl<'a> Path<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

/// `spec.rules[0].name`; names that are not plain stand in brackets: `data["tls.crt"]`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Field(parent, name) => {
                let plain = name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
                match (plain, parent) {
                    (false, _) => write!(f, "{parent}[{name:?}]"),
                    (true, Self::Root) => f.write_str(name),
                    (true, _) => write!(f, "{parent}.{name}"),
                }
            }
        }
    }
}
