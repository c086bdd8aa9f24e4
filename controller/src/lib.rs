//! The controller's I/O in standalone mode: manifest files in, a running Envoy and a data-plane
//! bundle out.
//!
//! The logic is elsewhere and pure: `tollgate_translate` and `tollgate_xds`. Here are the loop
//! that drives them, the files that feed them, and the Envoy process they configure.

#![forbid(unsafe_code)]

pub mod autoconfig;
pub mod demo;
pub mod infra;
pub mod merge;
pub mod problem;
pub mod reconcile;
pub mod source;
pub mod standalone;

mod publish;
mod ready;

#[cfg(test)]
mod made_manifests;
