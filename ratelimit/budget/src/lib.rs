//! The token-budget ledger: hold before a call, settle after it, exactly once, under a bound.
//!
//! Fed by the engine's host (through values the engine makes) and by the rate limit service;
//! feeds a [`Store`], which decides and records in one atomic step.

#![forbid(unsafe_code)]

mod account;
mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod hold;
mod list;
mod spend;
pub mod store;
pub mod window;

pub use account::{Account, AccountState};
pub use clock::Clock;
pub use hold::{
    Charge, Denial, HoldId, HoldOutcome, HoldReceipt, HoldRequest, ReceiptEntry, Settlement,
};
pub use list::{Entry, Page, PageRequest};
pub use spend::{Spend, SpendOutcome, SpendState};
pub use store::{
    Store, StoreError, StoreFuture,
    absent::AbsentStore,
    memory::{Bounds, BudgetTotal, MemoryStore, Usage},
};
pub use window::{InvalidZone, Window, Zone, parse_zone};
