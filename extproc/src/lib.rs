//! The ext_proc host: what Envoy asks over gRPC, asked of the engine (`tollgate_host`).
//!
//! Envoy opens one gRPC stream for each client call, and a second one only for a retry at
//! another backend. Fed by Envoy over a Unix socket and by the controller's bundle; feeds the
//! ledger, the metrics and the access log.

#![forbid(unsafe_code)]

mod convert;
mod costs;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod origin;
mod retry;
mod router;
mod server;
mod telemetry;
mod wire;

pub use server::serve;
pub use telemetry::Telemetry;
pub use tollgate_host::{Host, HostConfig};
