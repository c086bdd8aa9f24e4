//! Statuses on their way to the API server: compared with what is stored, written where they
//! differ, by the replica that leads and by nobody else.
//!
//! Fed by translation's statuses and by the watch (what is stored). [`merge`] is the pure core.

mod broken;
mod fields;
mod merge;
mod normal;
mod queue;
mod write;
mod writer;

pub(crate) use fields::is_written;
pub use writer::{StatusOptions, StatusWriter, Wanted};
