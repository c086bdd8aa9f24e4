//! The guard around the ledger's store: what makes a store that may be slow, away or full safe to
//! ask on every call.
//!
//! Fed by the hosts (ext_proc, rate limit service), which see one [`tollgate_budget::Store`];
//! feeds the real store, memory or Redis. Decides what happens where that does not answer.

#![forbid(unsafe_code)]

mod admission;
mod breaker;
mod config;
mod deadline;
mod delivery;
mod denied;
mod lease;
mod ledger;
mod log_gate;
mod queries;
mod queue;
mod settle;
mod stats;

pub use config::LedgerConfig;
pub use ledger::Ledger;
pub use stats::{BreakerState, BudgetFigures, Failures, LedgerStats, QueueFigures};

#[cfg(test)]
mod tests;
