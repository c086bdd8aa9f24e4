//! A value that must never be printed: provider keys, client keys, certificates.
//!
//! `Debug`, `Display` and `Serialize` all show `*****`, so a dump, a log line or a golden file
//! of any structure that holds a `Secret` is safe by construction. The value itself leaves
//! only through [`Secret::expose`], and for a wire through [`exposed`]; a reviewer can search for both.

mod secret;

pub use secret::{Secret, exposed};
