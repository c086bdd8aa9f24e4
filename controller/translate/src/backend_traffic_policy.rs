//! BackendTrafficPolicy: which policy holds for which rule, and what its rate limits become.
//!
//! The most specific policy holds, whole: rule, then route, then listener, then Gateway. One that
//! cannot be enforced makes the rules it holds for answer 500, and what it asks for beyond rate
//! limits is named in its status.

mod build;
mod cost;
mod llm;
mod selector;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use tollgate_bundle::RequestCost;
use tollgate_crds::envoy_gateway::BackendTrafficPolicy;
use tollgate_ir::RateLimits;

use build::Limits;

use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;
use crate::policy_target::{self, Level, Site, Target, Targeting};
use crate::sort::by_age;
use crate::status::{ParentRef, Problem, Statuses};
use crate::{NamespacedName, Options, World, groups, world};

/// Group and kind, as references and grants name it.
const KIND: (&str, &str) = (groups::ENVOY_GATEWAY, "BackendTrafficPolicy");

/// All policies, and what has come of them so far.
#[derive(Debug, Default)]
pub(crate) struct TrafficPolicies<'a> {
    /// Oldest first.
    policies: Vec<Policy<'a>>,
    /// Positions of those that target a route or Gateway of that name, so that not every route
    /// asks every policy.
    by_name: BTreeMap<NamespacedName, BTreeSet<usize>>,
}

/// One policy.
#[derive(Debug)]
struct Policy<'a> {
    name: NamespacedName,
    object: &'a BackendTrafficPolicy,
    limits: Result<Limits, Problem>,
    targets: Vec<Target>,
    /// Targets that it cannot have, and why.
    lost: Vec<(ParentRef, Problem)>,
    /// By Gateway (and listener) that it has a say about.
    reach: BTreeMap<ParentRef, Reach>,
    /// What works otherwise than hoped.
    warnings: BTreeSet<Problem>,
}

/// What came of a policy on one Gateway.
#[derive(Debug, Default)]
struct Reach {
    /// Routes for which a more specific policy holds, with its name.
    overridden: BTreeSet<(String, NamespacedName)>,
    /// Policies with which it was merged.
    merged: BTreeSet<NamespacedName>,
}

/// A policy that means a rule: how precisely, and its position.
type Hit = (Level, usize);

/// What policies do to a rule.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Its requests are limited.
    Limit(RateLimits),
    /// It refuses, because its policy cannot be enforced.
    Refuse(Problem),
}

// === impl TrafficPolicies ===

impl<'a> TrafficPolicies<'a> {
    /// Reads all policies and finds their targets. Of two with one target the older has it.
    pub(crate) fn new(world: &'a World, gateways: &[GatewayDraft], options: &Options) -> Self {
        let mut taken: BTreeMap<policy_target::Key, NamespacedName> = BTreeMap::new();
        let mut policies = Vec::new();
        for object in by_age(world.backend_traffic_policies.values(), |it| &it.metadata) {
            let name = world::key(&object.metadata);
            let mut policy = Policy {
                limits: build::limits(&name, &object.spec),
                targets: Vec::new(),
                lost: Vec::new(),
                reach: BTreeMap::new(),
                warnings: BTreeSet::new(),
                object,
                name,
            };
            let targeting = Targeting {
                kind: KIND,
                name: &policy.name,
                named: object.spec.named_targets().collect(),
                selectors: &object.spec.target_selectors,
            };
            let found = policy_target::find((world, options), gateways, &targeting);
            policy.warnings.extend(found.warnings);
            policy.lost.extend(found.lost);
            for target in found.targets {
                match taken.get(&target.key) {
                    Some(owner) if *owner != policy.name => {
                        let problem = policy_target::conflict(&target, KIND.1, owner);
                        policy.lost.push((target.reference, problem));
                    }
                    _ => {
                        taken.insert(target.key.clone(), policy.name.clone());
                        if let Some(ancestor) = &target.ancestor {
                            policy.reach.entry(ancestor.clone()).or_default();
                        }
                        policy.targets.push(target);
                    }
                }
            }
            policies.push(policy);
        }
        let mut by_name: BTreeMap<NamespacedName, BTreeSet<usize>> = BTreeMap::new();
        for (index, policy) in policies.iter().enumerate() {
            for target in &policy.targets {
                let positions = by_name.entry(target.name.clone()).or_default();
                positions.insert(index);
            }
        }
        Self { policies, by_name }
    }

    /// As [`Self::apply`], for an AI rule; and the headers that must stay with its requests.
    pub(crate) fn apply_to_llm(
        &mut self,
        at: (&[GatewayDraft], ListenerIndex),
        route: (&RouteSource, Option<&str>),
        costs: &[RequestCost],
    ) -> Option<(Effect, Vec<String>)> {
        let (effect, winner) = self.find(at, route, costs)?;
        let Effect::Limit(limits) = effect else {
            return Some((effect, Vec::new()));
        };
        match llm::of_rule(limits) {
            Ok(None) => None,
            Ok(Some((limits, kept))) => Some((Effect::Limit(limits), kept)),
            Err(problem) => {
                let policy = self.policies.get_mut(winner)?;
                let route = format!("{} {}", route.0.object.kind, route.0.name);
                let message = format!("{}: {route} refuses requests", problem.message);
                let told = Problem::new(problem.reason, message);
                policy.warnings.insert(told);
                let message = format!("{} {}: {}", KIND.1, policy.name, problem.message);
                let problem = Problem::new(problem.reason, message);
                Some((Effect::Refuse(problem), Vec::new()))
            }
        }
    }

    /// What the policies do to a rule of a route where a listener serves it. `costs` is what the
    /// rule tells of its requests.
    pub(crate) fn apply(
        &mut self,
        at: (&[GatewayDraft], ListenerIndex),
        route: (&RouteSource, Option<&str>),
        costs: &[RequestCost],
    ) -> Option<Effect> {
        self.find(at, route, costs).map(|(effect, _)| effect)
    }

    /// The effect, and the policy that has it.
    fn find(
        &mut self,
        (gateways, at): (&[GatewayDraft], ListenerIndex),
        (source, rule): (&RouteSource, Option<&str>),
        costs: &[RequestCost],
    ) -> Option<(Effect, usize)> {
        if self.policies.is_empty() {
            return None;
        }
        let site = Site::new(gateways, at, (source, rule))?;
        let named = [&source.name, &site.gateway.name].map(|name| self.by_name.get(name));
        let near: BTreeSet<usize> = named.into_iter().flatten().flatten().copied().collect();
        let mut found: Vec<Hit> = Vec::new();
        for index in near {
            let Some(policy) = self.policies.get_mut(index) else {
                continue;
            };
            let hits = policy
                .targets
                .iter()
                .filter_map(|target| target.level(&site));
            let Some(level) = hits.max() else { continue };
            policy.reach.entry(site.ancestor(level)).or_default();
            found.push((level, index));
        }
        // Of one level there is one policy.
        found.sort_unstable_by(|a, b| b.cmp(a));
        let (&(level, winner), others) = found.split_first()?;
        let merges = self.policies.get(winner)?.object.spec.merge_type.is_some();
        let parent = others
            .iter()
            .find(|(parent, _)| merges && level >= Level::Route && *parent < Level::Route);
        self.note(&site, (level, winner), (others, parent.copied()));
        let effect = self.effect(winner, parent.map(|(_, index)| *index), (source, costs))?;
        Some((effect, winner))
    }

    /// Remembers who had to give way, and who was merged.
    fn note(
        &mut self,
        site: &Site<'_>,
        (level, winner): Hit,
        (others, parent): (&[Hit], Option<Hit>),
    ) {
        let Some(name) = self.policies.get(winner).map(|it| it.name.clone()) else {
            return;
        };
        for (other_level, other) in others {
            let Some(policy) = self.policies.get_mut(*other) else {
                continue;
            };
            let reach = policy.reach.entry(site.ancestor(*other_level)).or_default();
            if parent == Some((*other_level, *other)) {
                reach.merged.insert(name.clone());
            } else {
                reach.overridden.insert((site.describe(), name.clone()));
            }
        }
        let merged = parent.and_then(|(_, index)| self.policies.get(index));
        if let Some(merged) = merged.map(|it| it.name.clone())
            && let Some(policy) = self.policies.get_mut(winner)
        {
            let reach = policy.reach.entry(site.ancestor(level)).or_default();
            reach.merged.insert(merged);
        }
    }

    fn effect(
        &mut self,
        winner: usize,
        parent: Option<usize>,
        (source, costs): (&RouteSource, &[RequestCost]),
    ) -> Option<Effect> {
        let refused = |policy: &Policy<'_>| {
            let problem = policy.limits.as_ref().err()?;
            let message = format!(
                "{} {} cannot be enforced: {}",
                KIND.1, policy.name, problem.message
            );
            Some(Effect::Refuse(Problem::new(problem.reason, message)))
        };
        let policy = self.policies.get(winner)?;
        let parent = parent.and_then(|index| self.policies.get(index));
        if let Some(refusal) = refused(policy).or_else(|| parent.and_then(refused)) {
            return Some(refusal);
        }
        let of = |policy: Option<&Policy<'_>>| policy?.limits.as_ref().ok().cloned();
        let limits = of(Some(policy))?.or(of(parent).unwrap_or_default());
        let limits = limits.of_route(source)?;
        let missing = cost::missing(&limits, costs, source);
        if let Some(policy) = self.policies.get_mut(winner) {
            policy.warnings.extend(missing);
        }
        Some(Effect::Limit(limits))
    }

    /// Tells each policy what has come of it; after everything was placed.
    pub(crate) fn report(self, options: &Options, statuses: &mut Statuses) {
        for policy in self.policies {
            status::report(policy, options, statuses);
        }
    }
}
