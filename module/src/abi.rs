//! Envoy's C interface for dynamic modules, version 0.2 (Envoy 1.40), as far as it is used: its
//! types and functions, the hooks that Envoy calls, and the safe [`Stream`] that filters see.
//!
//! All unsafe code of the module is below this file.

#![expect(unsafe_code, reason = "Envoy's interface is C")]

mod callbacks;
mod headers;
mod hooks;
mod stream;
mod types;

pub(crate) use callbacks::{is_logged, log};
pub(crate) use headers::Headers;
pub(crate) use stream::{Body, HeaderKind, Scheduler, Stream};
pub(crate) use types::{BodyStatus, HeadersStatus, LogLevel, TrailersStatus};
