//! The data plane of one gateway: what an `ir::Gateway` says comes into effect here, in Envoy and
//! in the engine, whoever it comes from: manifests of this machine, or a controller.
//!
//! `DataPlane` joins the parts: the xDS server, Envoy as a child, and the task that publishes.

#![forbid(unsafe_code)]

pub mod infra;

mod data_plane;
mod effect;
mod isolate;
mod piece;
mod pin;
mod publish;
mod ready;
mod refused;

pub use data_plane::{Applier, DataPlane, DataPlaneConfig, Ended, Node};
pub use effect::Applied;
pub use pin::{Pinned, pin_clusters};
pub use publish::Served;
pub use refused::{Instead, Refused};
