//! Where objects come from in standalone mode: manifest files, watched.
//!
//! `files` finds them, `expand` fills in the environment, `documents` cuts and parses them
//! (`meant` tells what a broken one was to guard), `folder` makes a `World` of them, `watch` tells when to do it again.

pub mod documents;
pub mod expand;
pub mod files;
pub mod folder;
mod meant;
pub mod watch;
