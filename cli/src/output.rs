//! What a command says: results on stdout, everything else on stderr. The one place that prints.

use std::io::Write;

/// A result. A closed pipe (`tollgate translate … | head`) is not an error.
pub(crate) fn result(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    let _ = stdout.flush();
}

/// A message to the person at the terminal.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
