//! Plain rate limits, as the Envoy rate limit service enforces them.

use serde::Serialize;

use crate::WindowKind;

/// One limit: descriptors that match it share accounts under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Names the limit in the ledger and in metrics: `namespace/policy/rule`, and the route where
    /// routes do not share it. Stable while the object's shape is.
    pub id: String,
    /// The entries of the descriptor, all of them and in this order.
    pub entries: Vec<DescriptorEntry>,
    /// Units (requests, or what a cost says) per window.
    pub amount: u64,
    /// Length of the window, in UTC.
    pub window: WindowKind,
    /// Counted and reported, never refused.
    pub shadow: bool,
}

/// What one entry of a descriptor must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescriptorEntry {
    /// Its key.
    pub key: String,
    /// Its value; `None`: any, and each value has an account of its own.
    pub value: Option<String>,
}
