//! `tollgate.dev/v1alpha1`: Tollgate's own kinds.

mod consumer;
mod token_budget;

pub use consumer::{ApiKey, Consumer, ConsumerSpec, KeySecretReference};
pub use token_budget::{
    BudgetLimit, Lease, Meter, Mode, OnStoreFailure, Overcommit, PriceTableReference, SubjectKind,
    SubjectSource, TokenBudget, TokenBudgetSpec, Window,
};

/// Group of these kinds.
pub const GROUP: &str = "tollgate.dev";
