//! Starts the product as a user would, on free ports, and stops it again.
//!
//! Logs are kept and shown only when a test fails. Nothing here sleeps for a fixed time: every
//! wait is for a condition, with a deadline.

#![forbid(unsafe_code)]

mod client;
pub mod command;
mod echo;
pub mod engine;
mod events;
mod fault_proxy;
mod gateway;
mod ledger;
pub mod manifests;
mod redis;
mod scenario;
mod usage;
mod wait;

pub use client::Client;
pub use echo::Echo;
pub use events::Events;
pub use fault_proxy::{FaultProxy, Harm};
pub use gateway::{Gateway, GatewayBuilder};
pub use ledger::Ledger;
pub use redis::{RedisServer, faketime, faketime_variables};
pub use scenario::{Backend, PROBED, Scenario, client_key, provider_key};
pub use usage::UsageAccount;
pub use wait::{eventually, eventually_within};
