//! Where objects come from in standalone mode: manifest files, watched.
//!
//! `files` finds them, `expand` fills in the environment, `documents` cuts and parses them,
//! `folder` makes a `World` of them, `watch` tells when to do it again.

pub mod documents;
pub mod expand;
pub mod files;
pub mod folder;
pub mod watch;
