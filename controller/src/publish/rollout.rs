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

#[cfg(test)]
mod tests {
    use tollgate_bundle::{Bundle, DescriptorEntry, RateLimit};

    use super::bundle_union;

    fn bundle(limits: &[(&str, u64)]) -> Bundle {
        let limit = |(id, amount): &(&str, u64)| RateLimit {
            id: (*id).to_string(),
            entries: vec![DescriptorEntry {
                key: "limit".to_string(),
                value: Some((*id).to_string()),
            }],
            amount: *amount,
            ..RateLimit::default()
        };
        Bundle {
            rate_limits: [("tollgate".to_string(), limits.iter().map(limit).collect())].into(),
            ..Bundle::default()
        }
    }

    #[test]
    fn limits_that_go_away_hold_until_the_routes_have_changed_and_new_amounts_hold_at_once() {
        let both = bundle_union(
            &bundle(&[("a", 1), ("gone", 2)]),
            &bundle(&[("a", 9), ("b", 3)]),
        );
        let limits = both.rate_limits["tollgate"].iter();
        let limits: Vec<_> = limits.map(|it| (it.id.as_str(), it.amount)).collect();
        assert_eq!(limits, [("a", 9), ("b", 3), ("gone", 2)]);
    }
}
