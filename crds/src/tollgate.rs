//! `tollgate.dev/v1alpha1`: Tollgate's own kinds.

mod consumer;
mod token_budget;

pub use consumer::{ApiKey, Consumer, ConsumerSpec, KeySecretReference};
pub use token_budget::{
    Meter, Mode, OnStoreFailure, SubjectKind, TokenBudget, TokenBudgetSpec, TokenLimit, Window,
};

/// Group of these kinds.
pub const GROUP: &str = "tollgate.dev";
