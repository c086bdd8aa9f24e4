//! The ext_proc host: drives the engine for Envoy, and the ledger for the engine.
//!
//! Envoy opens one gRPC stream for each client call, and a second one only for a retry at
//! another backend. Fed by Envoy over a Unix socket and by the controller's bundle; feeds the
//! ledger, the metrics and the access log.

#![forbid(unsafe_code)]

mod call;
mod convert;
mod costs;
mod drive;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod host;
mod in_flight;
mod origin;
mod retry;
mod router;
mod server;
mod telemetry;
mod wire;

pub use host::{Host, HostConfig};
pub use server::serve;
pub use telemetry::Telemetry;
