//! The compiled form of a [`Bundle`]: what a request is looked up in.

mod matcher;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use tollgate_bundle::{Budget, Bundle, Rule, Shared};

use crate::{
    caller::{Caller, Identity},
    charge::{CompiledBudget, RuleBudgets, RuleCosts},
};
use matcher::Matcher;

/// Everything an [`crate::Exchange`] looks up. Immutable; a change of configuration is a new one.
#[derive(Debug, Default)]
pub struct RouteTable {
    scopes: HashMap<String, Scope>,
    /// Who a key belongs to, by the SHA-256 of the key: a lookup compares no key byte by byte.
    /// The same key may stand in several namespaces.
    keys: HashMap<[u8; 32], Vec<Arc<Identity>>>,
    with: CompiledWith,
}

/// What the rules were compiled with.
#[derive(Debug, Default, PartialEq)]
struct CompiledWith {
    /// Namespaces in which a key is required.
    keyed: Vec<String>,
    budgets: BTreeMap<String, Budget>,
}

/// The AI traffic of one virtual host.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) rules: Vec<Arc<CompiledRule>>,
    /// Some rule may be used without a key.
    pub(crate) open: bool,
}

/// A rule with its conditions compiled and its budgets at hand.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) rule: Arc<Rule>,
    pub(crate) budgets: Arc<RuleBudgets>,
    pub(crate) costs: Arc<RuleCosts>,
    /// A key of the rule's namespace is required.
    pub(crate) keyed: bool,
    matcher: Matcher,
}

// === impl RouteTable ===

impl RouteTable {
    /// Compiles a bundle. Conditions that cannot be compiled match nothing; they are returned in
    /// words for the log.
    pub fn compile(bundle: &Bundle) -> (Self, Vec<String>) {
        Self::default().next(bundle)
    }

    /// The same, with the rules that this table has and the bundle shares taken over. What is wrong
    /// with those was said before.
    pub fn next(&self, bundle: &Bundle) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let with = CompiledWith {
            keyed: bundle.consumers.keys().cloned().collect(),
            budgets: bundle.budgets.clone(),
        };
        let known = self.rules_by_place(&with);
        let budgets: HashMap<&str, Arc<CompiledBudget>> = bundle
            .budgets
            .iter()
            .map(|(id, budget)| {
                let compiled = CompiledBudget::compile(budget, &mut problems);
                (id.as_str(), Arc::new(compiled))
            })
            .collect();
        let mut compile = |rule: &Shared<Rule>| match known.get(&rule.address()) {
            Some(known) => Arc::clone(known),
            None => {
                let keyed = &with.keyed;
                Arc::new(CompiledRule::compile(rule, keyed, &budgets, &mut problems))
            }
        };
        let scopes = bundle
            .scopes
            .iter()
            .map(|(name, scope)| {
                let rules: Vec<_> = scope.rules.iter().map(&mut compile).collect();
                let open = rules.iter().any(|rule| !rule.keyed);
                (name.clone(), Scope { rules, open })
            })
            .collect();
        let table = Self {
            scopes,
            keys: index_keys(bundle),
            with,
        };
        (table, problems)
    }

    /// The rules that would be compiled to the same again, by the place of what they were compiled
    /// of, which is kept in them.
    fn rules_by_place(&self, with: &CompiledWith) -> HashMap<usize, &Arc<CompiledRule>> {
        if self.with != *with {
            return HashMap::new();
        }
        let rules = self.scopes.values().flat_map(|scope| &scope.rules);
        let placed = rules.map(|rule| (Arc::as_ptr(&rule.rule).addr(), rule));
        placed.collect()
    }

    pub(crate) fn scope(&self, name: &str) -> Option<&Scope> {
        self.scopes.get(name)
    }

    /// Names of all scopes, sorted.
    pub fn scope_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.scopes.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Models whose tokens may have to be counted: those that a budget applies to, sorted.
    pub fn counted_models(&self) -> BTreeSet<String> {
        let mut models = BTreeSet::new();
        let rules = self.scopes.values().flat_map(|scope| &scope.rules);
        for rule in rules.filter(|rule| !rule.budgets.is_empty()) {
            for backend in &rule.rule.backends {
                match &backend.model {
                    Some(model) => models.extend([model.clone()]),
                    // The client's own model is asked for.
                    None => models.extend(rule.rule.models.iter().map(|model| model.id.clone())),
                }
            }
        }
        models
    }

    /// Who a client key belongs to: empty for an unknown key.
    pub(crate) fn identify(&self, key: &[u8]) -> Caller {
        let digest: [u8; 32] = Sha256::digest(key).into();
        match self.keys.get(&digest) {
            Some(identities) => Caller::Known(identities.clone()),
            None => Caller::Anonymous,
        }
    }

    /// Ids of all backends, for forgetting the health of those that are gone.
    pub fn backend_ids(&self) -> impl Iterator<Item = &str> {
        self.scopes
            .values()
            .flat_map(|scope| &scope.rules)
            .flat_map(|rule| &rule.rule.backends)
            .map(|backend| backend.id.as_str())
    }
}

// === impl Scope ===

impl Scope {
    /// The first rule that matches, in order of precedence.
    pub(crate) fn find<'h>(
        &self,
        model: &str,
        header: impl Fn(&str) -> Option<&'h [u8]> + Copy,
    ) -> Option<&CompiledRule> {
        self.rules
            .iter()
            .find(|rule| rule.matcher.matches(model, header))
            .map(|rule| &**rule)
    }
}

// === impl CompiledRule ===

impl CompiledRule {
    fn compile(
        rule: &Shared<Rule>,
        keyed: &[String],
        budgets: &HashMap<&str, Arc<CompiledBudget>>,
        problems: &mut Vec<String>,
    ) -> Self {
        let budgets = RuleBudgets::compile(rule, budgets);
        for id in &budgets.missing {
            problems.push(format!("rule {}: budget {id} is not defined", rule.id));
        }
        Self {
            budgets: Arc::new(budgets),
            costs: Arc::new(RuleCosts::compile(rule, problems)),
            keyed: keyed.contains(&rule.namespace),
            matcher: Matcher::compile(rule, problems),
            rule: rule.to_arc(),
        }
    }

    /// The identity under which a caller may use this rule: `Ok(None)` is anonymous, `Err` is no
    /// right to.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<Option<Arc<Identity>>, ()> {
        let identity = caller.identity_in(&self.rule.namespace);
        match (self.keyed, identity) {
            (_, Some(identity)) => Ok(Some(identity)),
            (false, None) => Ok(None),
            (true, None) => Err(()),
        }
    }
}

fn index_keys(bundle: &Bundle) -> HashMap<[u8; 32], Vec<Arc<Identity>>> {
    let mut keys: HashMap<[u8; 32], Vec<Arc<Identity>>> = HashMap::new();
    for (namespace, consumers) in &bundle.consumers {
        for consumer in consumers {
            for (key_name, key) in &consumer.keys {
                let digest: [u8; 32] = Sha256::digest(key.expose().as_bytes()).into();
                let identities = keys.entry(digest).or_default();
                // One consumer per key and namespace; the controller reports the conflict.
                if identities.iter().all(|known| known.namespace != *namespace) {
                    identities.push(Arc::new(Identity {
                        namespace: namespace.clone(),
                        consumer: consumer.name.clone(),
                        key: key_name.clone(),
                        team: consumer.team.clone(),
                        org: consumer.org.clone(),
                    }));
                }
            }
        }
    }
    keys
}
