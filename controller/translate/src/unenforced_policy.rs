//! Policies of Envoy Gateway that are not enforced. Each is told so for every Gateway that it has a
//! say about; where one guards routes, they answer 500, so that what it forbids stays forbidden.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tollgate_crds::envoy_gateway::{UnenforcedKind, UnenforcedPolicy};

use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;
use crate::policy_target::{self, Level, Site, Target, Targeting};
use crate::sort::by_age;
use crate::status::{
    ACCEPTED, AncestorStatus, Condition, ObjectRef, ParentRef, Problem, Statuses, reason,
};
use crate::{NamespacedName, Options, World, groups, world};

/// Entries in one status (Gateway API, PolicyStatus).
const ANCESTORS_MAX: usize = 16;

/// All of them, and what has come of them so far.
#[derive(Debug, Default)]
pub(crate) struct UnenforcedPolicies<'a> {
    /// Oldest first.
    policies: Vec<Policy<'a>>,
    /// Positions of those that target a route or Gateway of that name.
    by_name: BTreeMap<NamespacedName, BTreeSet<usize>>,
}

#[derive(Debug)]
struct Policy<'a> {
    name: NamespacedName,
    object: &'a UnenforcedPolicy,
    targets: Vec<Target>,
    /// Targets that are not there.
    lost: Vec<ParentRef>,
    /// The Gateways (and listeners) that it has a say about.
    reach: BTreeSet<ParentRef>,
}

// === impl UnenforcedPolicies ===

impl<'a> UnenforcedPolicies<'a> {
    /// Reads all of them and finds their targets.
    pub(crate) fn new(world: &'a World, gateways: &[GatewayDraft], options: &Options) -> Self {
        let mut this = Self::default();
        for object in by_age(world.unenforced_policies.values(), |it| &it.metadata) {
            let policy = Policy::new(object, (world, options), gateways);
            for target in &policy.targets {
                let positions = this.by_name.entry(target.name.clone()).or_default();
                positions.insert(this.policies.len());
            }
            this.policies.push(policy);
        }
        this
    }

    /// Why a rule must refuse every request: the most specific policy of a kind guards it.
    pub(crate) fn closes(
        &mut self,
        (gateways, at): (&[GatewayDraft], ListenerIndex),
        (source, rule): (&RouteSource, Option<&str>),
    ) -> Option<Problem> {
        if self.policies.is_empty() {
            return None;
        }
        let site = Site::new(gateways, at, (source, rule))?;
        let named = [&source.name, &site.gateway.name].map(|name| self.by_name.get(name));
        let near: BTreeSet<usize> = named.into_iter().flatten().flatten().copied().collect();
        let mut most: BTreeMap<UnenforcedKind, (Level, Option<Problem>)> = BTreeMap::new();
        for index in near {
            let Some(policy) = self.policies.get_mut(index) else {
                continue;
            };
            let hits = policy.targets.iter().filter_map(|it| it.level(&site));
            let Some(level) = hits.max() else { continue };
            policy.reach.insert(site.ancestor(level));
            let problem = policy.refusal();
            let (top, refusal) = most.entry(policy.object.kind).or_insert((level, None));
            if level > *top {
                (*top, *refusal) = (level, problem);
            } else if level == *top && refusal.is_none() {
                *refusal = problem;
            }
        }
        most.into_values().find_map(|(_, refusal)| refusal)
    }

    /// Tells each that it is not enforced.
    pub(crate) fn report(self, options: &Options, statuses: &mut Statuses) {
        for policy in self.policies {
            policy.report(options, statuses);
        }
    }
}

// === impl Policy ===

impl<'a> Policy<'a> {
    fn new(
        object: &'a UnenforcedPolicy,
        context: (&World, &Options),
        gateways: &[GatewayDraft],
    ) -> Self {
        let name = world::key(&object.metadata);
        let spec = &object.spec;
        let targeting = Targeting {
            kind: (groups::ENVOY_GATEWAY, object.kind.name()),
            name: &name,
            named: spec.target_ref.iter().chain(&spec.target_refs).collect(),
            selectors: &spec.target_selectors,
        };
        let found = policy_target::find(context, gateways, &targeting);
        Self {
            object,
            lost: found.lost.into_iter().map(|(target, _)| target).collect(),
            reach: (found.targets.iter().filter_map(|it| it.ancestor.clone())).collect(),
            targets: found.targets,
            name,
        }
    }

    /// The field by which it guards what it applies to, if it does.
    fn guard(&self) -> Option<String> {
        let settings = &self.object.spec.settings;
        match self.object.kind {
            UnenforcedKind::SecurityPolicy => settings
                .keys()
                // The one setting that opens, and how policies are merged.
                .find(|field| !["cors", "mergeType"].contains(&field.as_str()))
                .map(|field| format!("spec.{field}")),
            UnenforcedKind::ClientTrafficPolicy => settings
                .get("tls")
                .and_then(|tls| tls.get("clientValidation"))
                .is_some_and(|it| *it != Value::Null)
                .then(|| "spec.tls.clientValidation".to_string()),
            UnenforcedKind::EnvoyExtensionPolicy | UnenforcedKind::EnvoyPatchPolicy => None,
        }
    }

    /// What the routes that it guards are told.
    fn refusal(&self) -> Option<Problem> {
        let field = self.guard()?;
        let kind = self.object.kind.name();
        let message = format!(
            "{kind} {}: {field} is not enforced by this release, so nobody is let in",
            self.name
        );
        Some(Problem::new(reason::UNSUPPORTED_VALUE, message))
    }

    fn report(self, options: &Options, statuses: &mut Statuses) {
        let generation = self.object.metadata.generation;
        let kind = self.object.kind.name();
        let message = match self.guard() {
            Some(field) => format!(
                "{field}: this release does not enforce {kind}; the routes that it guards answer 500"
            ),
            None => format!("this release does not enforce {kind}; it changes nothing"),
        };
        let problem = Problem::new(reason::UNSUPPORTED_VALUE, message);
        let mut reach = self.reach;
        if reach.is_empty() && options.standalone().is_some() {
            // In a cluster what nobody of ours serves may be another controller's.
            reach.extend(self.lost);
            reach.extend(self.targets.into_iter().map(|target| target.reference));
        }
        let ancestors: Vec<AncestorStatus> = reach
            .into_iter()
            .take(ANCESTORS_MAX)
            .map(|ancestor_ref| AncestorStatus {
                ancestor_ref,
                controller_name: options.controller_name.clone(),
                conditions: vec![Condition::fails(ACCEPTED, &problem, generation)],
            })
            .collect();
        if ancestors.is_empty() {
            return;
        }
        let object = ObjectRef::namespaced(groups::ENVOY_GATEWAY, kind, &self.name);
        statuses.entry(object).ancestors = ancestors;
    }
}
