//! QuotaPolicy: budgets of backends, for all their models together and for single ones. They are
//! held like any budget, so a quota is not overrun.
//!
//! Buckets for certain clients (`bucketRules`) are not enforced; the policy's status says so.

mod build;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use tollgate_bundle::{Backend, Budget, Rule, ValueMatch};
use tollgate_crds::envoy_ai_gateway::QuotaPolicy;
use tollgate_ir::{self as ir, Shared};

use crate::ai_routes::AiRuleDraft;
use crate::ai_rule::refuse_backend;
use crate::sort::by_age;
use crate::status::{Problem, Statuses, reason};
use crate::{NamespacedName, World, ai_route, groups, world};

/// Group and kind, as statuses name it.
const KIND: (&str, &str) = (groups::ENVOY_AI_GATEWAY, "QuotaPolicy");

/// All policies, and what has come of them so far.
#[derive(Debug, Default)]
pub(crate) struct Quotas<'a> {
    policies: Vec<Policy<'a>>,
}

#[derive(Debug)]
struct Policy<'a> {
    name: NamespacedName,
    object: &'a QuotaPolicy,
    /// Its AIServiceBackends.
    targets: Vec<NamespacedName>,
    buckets: Result<Vec<Bucket>, Problem>,
    /// Ids of backends that are held, or refuse.
    reached: BTreeSet<String>,
    /// What works otherwise than hoped.
    warnings: BTreeSet<Problem>,
}

/// A quota of the policy's backends.
#[derive(Debug)]
struct Bucket {
    budget: Budget,
    /// Model that the provider is asked for; `None`: any.
    model: Option<String>,
}

/// Whether a backend is asked for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Always,
    Sometimes,
    Never,
}

// === impl Quotas ===

impl<'a> Quotas<'a> {
    /// Reads all policies.
    pub(crate) fn new(world: &'a World) -> Self {
        let policies = by_age(world.quota_policies.values(), |it| &it.metadata);
        let policies = policies.into_iter().map(|object| {
            let name = world::key(&object.metadata);
            let references = object.spec.target_refs.iter();
            Policy {
                targets: references
                    .filter(|it| {
                        (it.group.as_str(), it.kind.as_str()) == ai_route::SERVICE_BACKEND_KIND
                    })
                    .map(|it| NamespacedName::new(&name.namespace, &it.name))
                    .collect(),
                buckets: build::buckets(&name, &object.spec),
                reached: BTreeSet::new(),
                warnings: build::unenforced(&object.spec).into_iter().collect(),
                name,
                object,
            }
        });
        Self {
            policies: policies.collect(),
        }
    }

    /// Their budgets, by id.
    pub(crate) fn defined(&self) -> BTreeMap<String, Budget> {
        let buckets = self
            .policies
            .iter()
            .filter_map(|it| it.buckets.as_ref().ok());
        buckets
            .flatten()
            .map(|bucket| (bucket.budget.id.clone(), bucket.budget.clone()))
            .collect()
    }

    /// Holds the backends of a rule; says which refuse because their quota cannot be enforced.
    pub(crate) fn hold(
        &mut self,
        rule: &mut Shared<ir::AiRule>,
        draft: &AiRuleDraft,
    ) -> Vec<Problem> {
        let mut refusals = Vec::new();
        for policy in &mut self.policies {
            for (position, backend) in draft.service_backends.iter().enumerate() {
                let Some(name) = backend else { continue };
                if policy.targets.contains(name) {
                    refusals.extend(policy.hold(rule, position));
                }
            }
        }
        refusals
    }

    /// Tells each policy what has come of it; after everything was placed.
    pub(crate) fn report(self, world: &World, statuses: &mut Statuses) {
        for policy in &self.policies {
            status::report(world, policy, statuses);
        }
    }
}

// === impl Policy ===

impl Policy<'_> {
    fn hold(&mut self, rule: &mut ir::AiRule, position: usize) -> Option<Problem> {
        let contract: &mut Rule = &mut rule.rule;
        let asked = |model: &str| asked(contract, position, model);
        let buckets = match &self.buckets {
            Ok(buckets) => buckets,
            Err(problem) => {
                let why = format!("{} {}: {}", KIND.1, self.name, problem.message);
                let id = contract.backends.get(position)?.id.clone();
                let message = format!("backend {id} is not used: {why}");
                self.reached.insert(id);
                refuse_backend(rule, position, &why);
                return Some(Problem::new(reason::INVALID, message));
            }
        };
        let mut ids = Vec::new();
        for bucket in buckets {
            match bucket.model.as_deref().map_or(Asked::Always, asked) {
                Asked::Always => ids.push(bucket.budget.id.clone()),
                Asked::Never => {}
                Asked::Sometimes => {
                    let model = bucket.model.as_deref().unwrap_or_default();
                    let message = format!(
                        "rule {} may ask for model {model} by the client's own name, among others, and is not held for it: modelNameOverride of its backend makes it certain",
                        contract.id
                    );
                    let problem = Problem::new(reason::UNSUPPORTED_VALUE, message);
                    self.warnings.insert(problem);
                }
            }
        }
        let backend = contract.backends.get_mut(position)?;
        if !ids.is_empty() {
            self.reached.insert(backend.id.clone());
        }
        backend.budgets.extend(ids);
        backend.budgets.sort();
        backend.budgets.dedup();
        None
    }
}

fn asked(rule: &Rule, position: usize, model: &str) -> Asked {
    let overriding = |backend: &Backend| backend.model.clone();
    if let Some(name) = rule.backends.get(position).and_then(overriding) {
        return if name == model {
            Asked::Always
        } else {
            Asked::Never
        };
    }
    let mut outcomes = rule.matches.iter().map(|it| match &it.model {
        Some(ValueMatch::Exact(name)) if name == model => Asked::Always,
        Some(ValueMatch::Exact(_)) => Asked::Never,
        Some(ValueMatch::Regex(_)) | None => Asked::Sometimes,
    });
    let first = outcomes.next().unwrap_or(Asked::Sometimes);
    match outcomes.all(|it| it == first) {
        true => first,
        false => Asked::Sometimes,
    }
}
