//! The Kubernetes API: what is watched, what is written. The only crate that speaks to an API
//! server.
//!
//! Fed by the cluster's objects; feeds `controller` with snapshots. Fed by its statuses and
//! fleets; writes them, as long as this replica leads.

#![forbid(unsafe_code)]

mod client;
mod secret;

pub mod apply;
pub mod certgen;
pub mod events;
pub mod leader;
pub mod metrics;
pub mod status;
pub mod watch;

pub use client::{Cluster, ConnectError, ConnectOptions};
pub use secret::secret_field;
