//! The infrastructure of a gateway: from what is wanted of a fleet to the objects of Kubernetes
//! that run it, and to whether its certificate is due.
//!
//! Pure and deterministic. Fed by `translate` (`FleetSpec`); its objects are applied by
//! `tollgate-kubernetes`.

#![forbid(unsafe_code)]

mod container;
mod identity;
mod metadata;
mod options;
mod patch;
mod pod;
mod render;
mod scaling;
mod service;
mod workload;

pub use identity::{identity_due, identity_of, identity_secret, identity_secret_name};
pub use metadata::{CLASS_LABEL, GATEWAY_LABEL, INSTANCE_LABEL, SELECTOR, fleet_of};
pub use options::FleetOptions;
pub use render::render;

#[cfg(test)]
mod tests;
