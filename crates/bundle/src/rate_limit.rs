//! Plain rate limits, as the Envoy rate limit service enforces them.

use serde::{Deserialize, Serialize};

use crate::WindowKind;

/// One limit: descriptors that match it share accounts under it.
///
/// Of the limits of a domain those apply whose entries match a descriptor best: an exact value
/// goes before any value, from the first entry on. All limits with those very entries apply
/// together, so that one descriptor can be limited per minute and per day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether an amount that the descriptor states (`hits_addend`) is a charge that comes after
    /// the fact, at the end of a stream: it is charged even where it does not fit. Otherwise such
    /// an amount is asked for like any other: charged if it fits, else refused and not charged.
    pub charged_later: bool,
    /// Limits of one group refuse a request only when none of those that its descriptors met has
    /// anything left; until then they are charged beyond their amount (Envoy's `quota_mode`).
    pub quota_group: Option<String>,
}

/// What one entry of a descriptor must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DescriptorEntry {
    /// Its key.
    pub key: String,
    /// Its value; `None`: any, and each value has an account of its own.
    pub value: Option<String>,
}
