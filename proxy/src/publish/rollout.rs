//! The states between two configurations. Pure.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_bundle::{Bundle, RateLimit};
use tollgate_xds::{Rejection, ResourceType, Resources};

use super::blamed;

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

/// What Envoy has once it refused resources of `new`: of those the ones of `old`. What is named
/// there must stay, so nothing of `old` goes either.
pub(super) fn refused(old: &Resources, new: &Resources, rejection: &Rejection) -> Resources {
    let names = &blamed(rejection);
    let mut kept = switch(old, new);
    match rejection.kind {
        ResourceType::Listener => {
            keep(&mut kept.listeners, &old.listeners, names);
            // Nobody asks for the routes of a listener that is not there. Envoy keeps what it has.
            kept.routes.retain(|name, _| old.routes.contains_key(name));
        }
        ResourceType::Route => keep(&mut kept.routes, &old.routes, names),
        ResourceType::Cluster => keep(&mut kept.clusters, &old.clusters, names),
        ResourceType::Endpoint => keep(&mut kept.endpoints, &old.endpoints, names),
        ResourceType::Secret => keep(&mut kept.secrets, &old.secrets, names),
    }
    kept
}

/// Whether `new` brings what was refused while it was added.
pub(super) fn adds(new: &Resources, rejection: &Rejection) -> bool {
    let mut names = blamed(rejection).into_iter();
    match rejection.kind {
        // These are those of before.
        ResourceType::Listener | ResourceType::Route => false,
        ResourceType::Cluster => names.any(|name| new.clusters.contains_key(name)),
        ResourceType::Endpoint => names.any(|name| new.endpoints.contains_key(name)),
        ResourceType::Secret => names.any(|name| new.secrets.contains_key(name)),
    }
}

/// Puts the old ones of these names in the place of the new.
fn keep<T: Clone>(new: &mut BTreeMap<String, T>, old: &BTreeMap<String, T>, names: &[&String]) {
    for name in names {
        match old.get(*name) {
            Some(resource) => new.insert((*name).clone(), resource.clone()),
            None => new.remove(*name),
        };
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
