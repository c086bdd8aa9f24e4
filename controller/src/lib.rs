//! The controller's I/O in standalone mode: manifest files in, a gateway for the data plane and a
//! report out.
//!
//! The logic is elsewhere and pure: `tollgate_translate`. Here are the files that feed it, and what
//! is said about them. Who brings the gateway into effect is not known here.

#![forbid(unsafe_code)]

pub mod autoconfig;
pub mod cluster;
pub mod demo;
pub mod merge;
pub mod problem;
pub mod reconcile;
pub mod source;
pub mod standalone;

#[cfg(test)]
mod made_manifests;
