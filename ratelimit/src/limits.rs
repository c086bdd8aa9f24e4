//! The limits of all domains, compiled for matching: for each domain a tree over the keys and
//! values of descriptors, one level per entry.
//!
//! Fed by the bundle; read by `plan`. Matching costs two look-ups per entry whatever the number
//! of limits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tollgate_budget::Account;
use tollgate_bundle::RateLimit;

use crate::{
    bounds::ENTRIES_MAX,
    subject::subject,
    telemetry::{Counts, Telemetry},
    wire::Entry,
};

/// The subject of an account that all requests share.
const SHARED: &str = "shared";
/// The ledger's name for accounts of limits that stand in a request alone.
const OVERRIDE: &str = "override";
const TIME_ZONE: &str = "UTC";

/// All limits of one configuration. Immutable: a change is a whole new value.
#[derive(Debug)]
pub(crate) struct Limits {
    domains: HashMap<Box<[u8]>, Node>,
    /// Stands in where a request brings its own limit and no configured one matches.
    unmatched: Limit,
}

/// One limit.
#[derive(Debug)]
pub(crate) struct Limit {
    /// The account of requests that have nothing to tell them apart.
    pub(crate) account: Account,
    pub(crate) mode: Mode,
    /// Whether a stated amount is charged even where it does not fit.
    pub(crate) charged_later: bool,
    pub(crate) counts: Arc<Counts>,
}

/// What becomes of a request that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is refused.
    Enforced,
    /// It is served.
    Shadow,
    /// It is served, unless nothing is left in the whole group of this name.
    Quota(Arc<str>),
}

/// The limits that apply to a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) limits: &'a [Limit],
    pub(crate) wild: Wild,
}

/// Which entries of a descriptor may have any value: bit `n` for entry `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wild(u64);

/// A place in the tree: the entries up to here.
#[derive(Debug, Default)]
struct Node {
    /// Limits on exactly these entries.
    limits: Vec<Limit>,
    /// By the key of the next entry.
    branches: HashMap<Box<[u8]>, Branch>,
}

/// The values of one key.
#[derive(Debug, Default)]
struct Branch {
    exact: HashMap<Box<[u8]>, Node>,
    any: Option<Box<Node>>,
}

// === impl Limits ===

impl Limits {
    /// Compiles a configuration. Counts of limits that were there before go on.
    pub(crate) fn compile(
        domains: &BTreeMap<String, Vec<RateLimit>>,
        telemetry: &Telemetry,
    ) -> Self {
        let mut compiled = HashMap::with_capacity(domains.len());
        for (domain, limits) in domains {
            let mut root = Node::default();
            for limit in limits {
                if limit.entries.len() > ENTRIES_MAX {
                    tracing::error!(
                        limit = limit.id,
                        entries = limit.entries.len(),
                        "a rate limit has more than {ENTRIES_MAX} entries and never matches"
                    );
                    continue;
                }
                root.leaf(limit).add(Limit::new(limit, telemetry));
            }
            compiled.insert(Box::from(domain.as_bytes()), root);
        }
        let unmatched = Limit::new(
            &RateLimit {
                id: OVERRIDE.to_string(),
                charged_later: true,
                ..RateLimit::default()
            },
            telemetry,
        );
        Self {
            domains: compiled,
            unmatched,
        }
    }

    /// The limits that match a descriptor best; none where no limit does.
    pub(crate) fn find(&self, domain: &[u8], entries: &[Entry]) -> Option<Found<'_>> {
        self.domains.get(domain)?.find(entries, 0, Wild::default())
    }

    /// What counts a limit that only a request knows.
    pub(crate) fn unmatched(&self) -> &Limit {
        &self.unmatched
    }
}

// === impl Limit ===

impl Limit {
    fn new(limit: &RateLimit, telemetry: &Telemetry) -> Self {
        let RateLimit {
            id,
            entries: _,
            amount,
            window,
            shadow,
            charged_later,
            quota_group,
        } = limit;
        let mode = match (shadow, quota_group) {
            (true, _) => Mode::Shadow,
            (false, Some(group)) => Mode::Quota(Arc::from(group.as_str())),
            (false, None) => Mode::Enforced,
        };
        Self {
            account: Account {
                budget: Arc::from(id.as_str()),
                subject: Arc::from(SHARED),
                window: *window,
                time_zone: Arc::from(TIME_ZONE),
                limit: *amount,
            },
            mode,
            charged_later: *charged_later,
            counts: telemetry.counts(id),
        }
    }

    /// The account of a descriptor under this limit: one for each combination of the values that
    /// may be any.
    pub(crate) fn account_of(&self, entries: &[Entry], wild: Wild) -> Account {
        if wild == Wild::default() {
            return self.account.clone();
        }
        let values = entries.iter().enumerate();
        let values = values.filter(|(index, _)| wild.has(*index));
        Account {
            subject: subject(values.map(|(_, entry)| &entry.value[..])),
            ..self.account.clone()
        }
    }

    /// The account of a descriptor that brings its own limit: one for each domain and descriptor.
    pub(crate) fn account_of_all(&self, domain: &[u8], entries: &[Entry]) -> Account {
        let texts = entries
            .iter()
            .flat_map(|entry| [&entry.key[..], &entry.value[..]]);
        Account {
            subject: subject(std::iter::once(domain).chain(texts)),
            ..self.account.clone()
        }
    }
}

// === impl Wild ===

impl Wild {
    fn with(self, index: usize) -> Self {
        Self(self.0 | 1 << index)
    }

    fn has(self, index: usize) -> bool {
        self.0 & 1 << index != 0
    }
}

// === impl Node ===

impl Node {
    /// The place of a limit, made where there is none.
    fn leaf(&mut self, limit: &RateLimit) -> &mut Node {
        let mut node = self;
        for entry in &limit.entries {
            let branch = node
                .branches
                .entry(Box::from(entry.key.as_bytes()))
                .or_default();
            node = match &entry.value {
                Some(value) => branch.exact.entry(Box::from(value.as_bytes())).or_default(),
                None => branch.any.get_or_insert_default(),
            };
        }
        node
    }

    /// Adds a limit, if none here charges the same accounts already: they would pay twice.
    fn add(&mut self, limit: Limit) {
        let same = |known: &Limit| {
            known.account.budget == limit.account.budget
                && known.account.window == limit.account.window
        };
        if !self.limits.iter().any(same) {
            self.limits.push(limit);
        }
    }

    /// Goes down, exact values first; as deep as the longest limit, so never far.
    fn find(&self, entries: &[Entry], depth: usize, wild: Wild) -> Option<Found<'_>> {
        let Some(entry) = entries.get(depth) else {
            let limits = self.limits.as_slice();
            return (!limits.is_empty()).then_some(Found { limits, wild });
        };
        let branch = self.branches.get(&entry.key[..])?;
        let exact = branch.exact.get(&entry.value[..]);
        let exact = exact.and_then(|node| node.find(entries, depth + 1, wild));
        exact.or_else(|| {
            let any = branch.any.as_ref()?;
            any.find(entries, depth + 1, wild.with(depth))
        })
    }
}

#[cfg(test)]
mod tests;
