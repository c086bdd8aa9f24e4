//! Rate limits of a route: which requests are counted, what they count, and how much may be.
//!
//! Fed by policies; the proxy is told the criteria, the rate limit service the limits (both make
//! the same descriptors of them, through [`GlobalLimit::entries`]).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tollgate_bundle::{DescriptorEntry, RateLimit, WindowKind};

use crate::{PathMatch, TextMatch};

/// Domain of these limits at the rate limit service. One is enough: ids tell limits apart.
pub const RATE_LIMIT_DOMAIN: &str = "tollgate";

/// Key of the first entry of a descriptor; its value is the id of the limit.
const LIMIT_KEY: &str = "limit";
/// The same, of a descriptor that says what an answer has cost.
const CHARGE_KEY: &str = "charge";
/// Value of an entry that is there because a condition holds.
const HOLDS: &str = "holds";

/// The rate limits of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimits {
    /// Counted by the rate limit service; all that a request meets apply.
    pub global: Vec<GlobalLimit>,
    /// Counted by the proxy.
    pub local: Option<LocalLimits>,
}

/// A limit that all proxies share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalLimit {
    /// `namespace/policy/rule`, and the route where routes do not share it: names the counter.
    pub id: String,
    /// Conditions that must all hold for a request to be counted.
    pub criteria: Vec<Criterion>,
    /// Units per window.
    pub amount: u64,
    /// Length of the window.
    pub window: WindowKind,
    /// Counted and never refused.
    pub shadow: bool,
    /// Whether answers say what is left.
    pub headers: HeaderVisibility,
    /// What a request counts before it is served; `None` is 1, and 0 asks whether there is room.
    pub request_cost: Option<Cost>,
    /// What it counts when its answer has ended.
    pub response_cost: Option<Cost>,
    /// Metadata with a limit that replaces `amount` and `window`.
    pub override_from: Option<MetadataKey>,
}

/// Limits that each proxy counts alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalLimits {
    /// For requests that none of `rules` selects; `None` is no limit.
    pub otherwise: Option<Bucket>,
    /// Of those that select a request the strictest holds.
    pub rules: Vec<LocalLimit>,
    /// Whether answers say what is left of `otherwise`.
    pub headers: HeaderVisibility,
}

/// A limit that each proxy counts alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalLimit {
    /// `namespace/policy/rule`
    pub id: String,
    /// Conditions that must all hold for a request to be counted.
    pub criteria: Vec<Criterion>,
    /// How much.
    pub bucket: Bucket,
    /// Counted and never refused.
    pub shadow: bool,
    /// Whether answers say what is left.
    pub headers: HeaderVisibility,
    /// What a request counts; `None` is 1.
    pub request_cost: Option<Cost>,
}

/// Requests per span of time, filled up steadily.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// How many; at least 1.
    pub requests: u32,
    /// Seconds in which an empty bucket fills up.
    pub fill_s: u32,
}

/// A condition on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// A header (lower-case name) is as `test` says.
    Header {
        /// Lower-case name.
        name: String,
        /// What must be true of it.
        test: FieldTest,
    },
    /// A query parameter is as `test` says.
    Query {
        /// Name, case-sensitive.
        name: String,
        /// What must be true of it.
        test: FieldTest,
    },
    /// The method is one of these, or with `Polarity::Not` none of them.
    Method(Polarity, Vec<String>),
    /// The path, without its query, matches, or does not.
    Path(Polarity, PathMatch),
    /// The client's address is in this range, or is not.
    Source(Polarity, Cidr),
    /// None; each address has a counter of its own.
    EachSource,
}

/// What must be true of a header or a query parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldTest {
    /// It is there, or is not.
    Present(Polarity),
    /// Its value matches, or it does not or is absent.
    Value(Polarity, TextMatch),
    /// It is there; each value has a counter of its own.
    Each,
}

/// Whether a condition is meant as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Polarity {
    /// It must hold.
    Is,
    /// It must not hold.
    Not,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cidr {
    /// Any address of the range.
    pub address: IpAddr,
    /// Bits that all addresses of the range have in common.
    pub prefix_bits: u8,
}

/// What something counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cost {
    /// This much.
    Number(u64),
    /// What a filter has put there; nothing where it has not.
    Metadata(MetadataKey),
}

/// A value of the proxy's dynamic metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataKey {
    /// Namespace.
    pub namespace: String,
    /// Key in it.
    pub key: String,
}

/// Whether answers have `x-ratelimit-*` headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderVisibility {
    /// They do.
    #[default]
    Shown,
    /// They do not.
    Hidden,
}

// === impl MetadataKey ===

impl fmt::Display for MetadataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata {}:{}", self.namespace, self.key)
    }
}

// === impl GlobalLimit ===

impl GlobalLimit {
    /// The descriptor of a request.
    pub fn entries(&self) -> Vec<DescriptorEntry> {
        entries(LIMIT_KEY, &self.id, &self.criteria)
    }

    /// The descriptor by which an answer's cost is charged.
    pub fn charge_entries(&self) -> Vec<DescriptorEntry> {
        entries(CHARGE_KEY, &self.id, &self.criteria)
    }

    /// What the rate limit service is told: the limit, and again for charges at the end, which
    /// are taken even where they do not fit. Both have one id, so one account.
    fn contracts(&self) -> impl Iterator<Item = RateLimit> {
        let contract = |entries, charged_later| RateLimit {
            id: self.id.clone(),
            entries,
            amount: self.amount,
            window: self.window,
            shadow: self.shadow,
            charged_later,
            quota_group: None,
        };
        let charge = self.response_cost.as_ref().map(|_| self.charge_entries());
        std::iter::once(contract(self.entries(), false))
            .chain(charge.map(|entries| contract(entries, true)))
    }
}

// === impl LocalLimit ===

impl LocalLimit {
    /// The descriptor of a request.
    pub fn entries(&self) -> Vec<DescriptorEntry> {
        entries(LIMIT_KEY, &self.id, &self.criteria)
    }
}

// === impl Criterion ===

impl Criterion {
    /// Its entry in a descriptor.
    pub fn entry(&self) -> DescriptorEntry {
        let (key, each) = match self {
            Self::Header { name, test } => (format!("header {name}"), *test == FieldTest::Each),
            Self::Query { name, test } => (format!("query {name}"), *test == FieldTest::Each),
            Self::Method(..) => ("method".to_string(), false),
            Self::Path(..) => ("path".to_string(), false),
            Self::Source(..) => ("source".to_string(), false),
            // The name is the proxy's own.
            Self::EachSource => ("remote_address".to_string(), true),
        };
        DescriptorEntry {
            key,
            value: (!each).then(|| HOLDS.to_string()),
        }
    }
}

/// All limits of the service, by domain. Of equal ids the first counts: they come from one rule
/// of one policy.
pub(crate) fn contracts<'a>(
    limits: impl Iterator<Item = &'a RateLimits>,
) -> BTreeMap<String, Vec<RateLimit>> {
    let mut by_id: BTreeMap<&str, &GlobalLimit> = BTreeMap::new();
    for limit in limits.flat_map(|limits| &limits.global) {
        by_id.entry(&limit.id).or_insert(limit);
    }
    if by_id.is_empty() {
        return BTreeMap::new();
    }
    let limits = by_id.into_values().flat_map(GlobalLimit::contracts);
    [(RATE_LIMIT_DOMAIN.to_string(), limits.collect())].into()
}

fn entries(key: &str, id: &str, criteria: &[Criterion]) -> Vec<DescriptorEntry> {
    let first = DescriptorEntry {
        key: key.to_string(),
        value: Some(id.to_string()),
    };
    std::iter::once(first)
        .chain(criteria.iter().map(Criterion::entry))
        .collect()
}
