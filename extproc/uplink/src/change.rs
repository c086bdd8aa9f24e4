//! What has changed between two bundles: of thousands of rules those that are new are written and read,
//! and no others. Pure. Made by `server`, read by `client`.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tollgate_bundle::{Budget, Bundle, Consumer, RateLimit, Rule, Scope, Shared};

/// What leads from one bundle to another.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Every scope that there is then: its rules, in order.
    scopes: BTreeMap<String, Vec<Run>>,
    /// `None` of this and those below: as it was.
    consumers: Option<BTreeMap<String, Vec<Consumer>>>,
    budgets: Option<BTreeMap<String, Budget>>,
    rate_limits: Option<BTreeMap<String, Vec<RateLimit>>>,
}

/// Rules that follow each other.
#[derive(Debug, Serialize, Deserialize)]
enum Run {
    /// As they are in the scope of this name.
    Kept {
        from: usize,
        count: usize,
    },
    New(Vec<Shared<Rule>>),
}

// === impl Change ===

impl Change {
    /// What leads from `old` to `new`. Rules that both share are not looked into.
    pub(crate) fn between(old: &Bundle, new: &Bundle) -> Self {
        let Bundle {
            scopes,
            consumers,
            budgets,
            rate_limits,
        } = new;
        let scopes = scopes.iter().map(|(name, scope)| {
            let known = old.scopes.get(name);
            let known = known.map_or([].as_slice(), |scope| &scope.rules);
            (name.clone(), runs(known, &scope.rules))
        });
        Self {
            scopes: scopes.collect(),
            consumers: (old.consumers != *consumers).then(|| consumers.clone()),
            budgets: (old.budgets != *budgets).then(|| budgets.clone()),
            rate_limits: (old.rate_limits != *rate_limits).then(|| rate_limits.clone()),
        }
    }

    /// What comes of `old`; `None` where this is a change of something else.
    pub(crate) fn apply(self, old: &Bundle) -> Option<Bundle> {
        let Self {
            scopes,
            consumers,
            budgets,
            rate_limits,
        } = self;
        let scopes = scopes.into_iter().map(|(name, runs)| {
            let known = old.scopes.get(&name);
            let known = known.map_or([].as_slice(), |scope| &scope.rules);
            let mut rules = Vec::with_capacity(known.len());
            for run in runs {
                match run {
                    Run::Kept { from, count } => {
                        rules.extend_from_slice(known.get(from..from.checked_add(count)?)?);
                    }
                    Run::New(new) => rules.extend(new),
                }
            }
            Some((name, Scope { rules }))
        });
        Some(Bundle {
            scopes: scopes.collect::<Option<_>>()?,
            consumers: consumers.unwrap_or_else(|| old.consumers.clone()),
            budgets: budgets.unwrap_or_else(|| old.budgets.clone()),
            rate_limits: rate_limits.unwrap_or_else(|| old.rate_limits.clone()),
        })
    }
}

fn runs(known: &[Shared<Rule>], rules: &[Shared<Rule>]) -> Vec<Run> {
    let places = known.iter().enumerate();
    let places: HashMap<usize, usize> = places.map(|(at, rule)| (rule.address(), at)).collect();
    let mut runs: Vec<Run> = Vec::new();
    for rule in rules {
        let place = places.get(&rule.address()).copied();
        match (place, runs.last_mut()) {
            (Some(at), Some(Run::Kept { from, count })) if *from + *count == at => *count += 1,
            (Some(from), _) => runs.push(Run::Kept { from, count: 1 }),
            (None, Some(Run::New(new))) => new.push(rule.clone()),
            (None, _) => runs.push(Run::New(vec![rule.clone()])),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollgate_bundle::{Bundle, Consumer, Rule, Scope, Shared};

    use super::Change;

    fn rule(id: usize) -> Shared<Rule> {
        Shared::new(Rule {
            id: format!("default/llm/{id}"),
            route: "default/llm".to_string(),
            namespace: "default".to_string(),
            matches: Vec::new(),
            backends: Vec::new(),
            budgets: Vec::new(),
            output_tokens_default: 16,
            output_tokens_min: 1,
            models: Vec::new(),
            kept_headers: Vec::new(),
            costs: Vec::new(),
        })
    }

    fn consumer(key: &str) -> Consumer {
        Consumer {
            name: "alice".to_string(),
            keys: vec![("key".to_string(), key.to_string().into())],
            team: None,
            org: None,
        }
    }

    /// Scopes with these of the rules that there are.
    fn bundle(all: &[Shared<Rule>], scopes: &[Vec<usize>], keys: &[String]) -> Bundle {
        let scopes = scopes.iter().enumerate().map(|(name, rules)| {
            let rules = rules.iter().map(|at| all[*at].clone()).collect();
            (name.to_string(), Scope { rules })
        });
        let consumers = keys.iter().map(|key| consumer(key)).collect();
        Bundle {
            scopes: scopes.collect(),
            consumers: [("default".to_string(), consumers)].into(),
            ..Bundle::default()
        }
    }

    fn content() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<String>)> {
        let rules = prop::collection::vec(0..8usize, 0..8);
        (
            prop::collection::vec(rules, 0..3),
            prop::collection::vec("[a-b]", 0..2),
        )
    }

    proptest! {
        #[test]
        fn change_leads_from_one_bundle_to_the_other(
            (old_scopes, old_keys) in content(),
            (new_scopes, new_keys) in content(),
        ) {
            let all: Vec<_> = (0..8).map(rule).collect();
            let old = bundle(&all, &old_scopes, &old_keys);
            let new = bundle(&all, &new_scopes, &new_keys);
            let change = Change::between(&old, &new);
            let json = tollgate_secret::exposed(|| serde_json::to_vec(&change)).unwrap();
            let read: Change = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(read.apply(&old).unwrap(), new);
        }
    }

    #[test]
    fn one_more_rule_among_many_is_written_alone() {
        let mut all: Vec<_> = (0..1000).map(rule).collect();
        let before = Vec::from_iter(0..1000);
        let old = bundle(&all, std::slice::from_ref(&before), &[]);
        all.push(rule(1000));
        let mut after = before;
        after.insert(500, 1000);
        let change = Change::between(&old, &bundle(&all, &[after], &[]));
        assert!(serde_json::to_vec(&change).unwrap().len() < 1000);
    }

    #[test]
    fn change_of_another_bundle_is_refused() {
        let all: Vec<_> = (0..3).map(rule).collect();
        let (old, new) = (
            bundle(&all, &[vec![0, 1]], &[]),
            bundle(&all, &[vec![0, 1, 2]], &[]),
        );
        let change = Change::between(&old, &new);
        assert!(change.apply(&Bundle::default()).is_none());
    }
}
