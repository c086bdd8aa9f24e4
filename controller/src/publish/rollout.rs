//! The states between two configurations. Pure.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_bundle::{Bundle, RateLimit};
use tollgate_xds::Resources;

/// First what `new` adds behind the listeners and routes of `old`: the engine may choose it then.
pub(super) fn additions(old: &Resources, new: &Resources) -> Resources {
    Resources {
        listeners: old.listeners.clone(),
        routes: old.routes.clone(),
        clusters: union(&old.clusters, &new.clusters),
        endpoints: union(&old.endpoints, &new.endpoints),
        secrets: union(&old.secrets, &new.secrets),
    }
}

/// Then the listeners and routes of `new`, while what `old` alone used is still there for
/// requests under way.
pub(super) fn switch(old: &Resources, new: &Resources) -> Resources {
    Resources {
        listeners: new.listeners.clone(),
        routes: new.routes.clone(),
        ..additions(old, new)
    }
}

/// What the engine needs while Envoy goes from the routes of `old` to those of `new`.
pub(super) fn bundle_union(old: &Bundle, new: &Bundle) -> Bundle {
    Bundle {
        scopes: union(&old.scopes, &new.scopes),
        // A key that was taken away is refused from now on.
        consumers: new.consumers.clone(),
        budgets: union(&old.budgets, &new.budgets),
        rate_limits: rate_limits(&old.rate_limits, &new.rate_limits),
    }
}

type RateLimits = BTreeMap<String, Vec<RateLimit>>;

/// Both; of those for one descriptor, the new ones.
fn rate_limits(old: &RateLimits, new: &RateLimits) -> RateLimits {
    let mut both = new.clone();
    for (domain, limits) in old {
        let ours = both.entry(domain.clone()).or_default();
        let taken: BTreeSet<_> = ours.iter().map(|limit| limit.entries.clone()).collect();
        let kept = limits
            .iter()
            .filter(|limit| !taken.contains(&limit.entries));
        ours.extend(kept.cloned());
    }
    both
}

/// Both; of the same name, the new one.
fn union<T: Clone>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    old.iter()
        .chain(new)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
