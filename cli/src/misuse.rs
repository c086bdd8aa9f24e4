//! What the person at the command line has to change: the command ends with exit code 2, as it
//! does for arguments that cannot be parsed.

use std::fmt;

/// A mistake in an argument, a variable or a file that an argument names.
#[derive(Debug)]
pub(crate) struct Misuse(pub(crate) String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}
