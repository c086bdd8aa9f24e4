//! The Envoy RateLimit v3 service over the ledger.
//!
//! Fed by Envoy's rate limit filter (descriptors) over gRPC and by the controller's bundle
//! (limits); feeds the ledger's store. Matching and answering are pure; only `server` waits.

#![forbid(unsafe_code)]

mod answer;
mod bounds;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grpc;
mod headers;
mod health;
mod limits;
mod listener;
mod metadata;
mod plan;
mod refused;
mod server;
mod service;
mod subject;
mod telemetry;
mod unit;
mod wire;

pub use listener::{Listen, Listener};
pub use server::serve;
pub use service::{Headers, Service};
pub use telemetry::Telemetry;
