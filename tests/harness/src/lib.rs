//! Starts the product as a user would, on free ports, and stops it again.
//!
//! Logs are kept and shown only when a test fails. Nothing here sleeps for a fixed time: every
//! wait is for a condition, with a deadline.

#![forbid(unsafe_code)]

mod client;
mod gateway;
mod wait;

pub use client::Client;
pub use gateway::{Gateway, GatewayBuilder};
pub use wait::{eventually, eventually_within};
