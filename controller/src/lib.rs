//! The controller's I/O in standalone mode: manifest files in, a running Envoy and a data-plane
//! bundle out.
//!
//! The logic is elsewhere and pure: `tollgate_translate` and `tollgate_xds`. Here are the loop
//! that drives them, the files that feed them, and the Envoy process they configure.

#![forbid(unsafe_code)]

pub mod infra;
pub mod source;
