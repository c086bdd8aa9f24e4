//! The token-budget ledger on Redis: standalone, Cluster or Sentinel.
//!
//! Fed by the same values as every [`tollgate_budget::Store`]; feeds Redis with one Lua script
//! call per operation, whatever the number of budgets. All keys of a prefix carry one hash tag:
//! a request may name any set of budgets and is decided in one step, so one shard of a cluster
//! carries a prefix. Gateways that share budgets share a prefix; others may take another shard.

#![forbid(unsafe_code)]

mod address;
mod answer;
mod clock;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keys;
mod link;
mod options;
mod request;
mod script;
mod store;
mod wire;

pub use address::InvalidUrl;
pub use options::{InvalidOptions, RedisOptions};
pub use store::{InvalidRedis, RedisStore};
