//! The resource kinds that Tollgate reads: Rust types, their CRD YAML, and validation.
//!
//! Fed by objects as JSON (from a cluster or from files); feeds `controller` with typed objects
//! and `tollgate crds` with YAML. One schema serves both: what is written to the YAML is what
//! [`parse_object`] checks.

#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    reason = "the KubeSchema derive copies each `pub` struct into a function"
)]
#![allow(
    clippy::duplicated_attributes,
    reason = "printer columns repeat their type"
)]

pub mod envoy_ai_gateway;
pub mod envoy_gateway;
pub mod tollgate;

mod crd;
mod duration;
mod kinds;
mod object;
mod reference;
mod secret_object;
mod status;
mod validation;
mod yaml;

pub use duration::{Duration, DurationError};
pub use kinds::{GATEWAY_API_GROUP, KINDS, Kind, Scope};
pub use object::{
    DEFAULT_NAMESPACE, Object, ObjectError, parse_object, parse_object_with_warnings, read_trusted,
};
pub use reference::{
    BackendObjectReference, ParentReference, PolicyTargetReference, SecretObjectReference,
};
pub use secret_object::SecretObject;
pub use status::{
    ObjectStatus, PolicyAncestorStatus, PolicyStatus, RouteParentStatus, RouteStatus,
};
pub use validation::{Violation, Warning};
pub use yaml::yaml_files;
