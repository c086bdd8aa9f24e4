//! The uplink: how the engine inside Envoy's process reaches the process that started Envoy.
//!
//! Over one Unix socket bundles come down and are acknowledged; operations of the ledger go up and
//! their outcomes come down, many in flight; records of calls and figures go up. The [`Client`] is a
//! [`tollgate_budget::Store`] and a [`tollgate_host::Told`], so that the host does not know; the
//! [`server`] has the real ones. Both ends are of one build.

#![forbid(unsafe_code)]

mod change;
mod client;
mod cork;
mod frame;
pub mod server;
mod socket;
mod wire;

pub use client::{Client, Following};
pub use cork::Cork;
pub use frame::FrameError;
pub use wire::Figures;

#[cfg(test)]
mod tests;
