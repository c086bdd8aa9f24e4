//! What a TokenBudget applies to: rules of routes, of Gateways, of a namespace.

use std::collections::BTreeSet;

use tollgate_bundle::Budget;
use tollgate_ir as ir;

use super::{Budgets, TokenBudget};
use crate::ai_routes::{AttachedAiRoute, refuse};
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;
use crate::status::{ObjectRef, Problem, reason};
use crate::{NamespacedName, groups};

/// A budget and its targets.
#[derive(Debug)]
pub(crate) struct Binding {
    effect: Effect,
    targets: Vec<Target>,
}

/// What happens to a rule that a budget applies to.
#[derive(Debug)]
enum Effect {
    /// It is held against the budget with this id.
    Hold(String),
    /// It refuses, because the budget cannot be enforced.
    Refuse(String),
}

#[derive(Debug)]
struct Target {
    /// As it is written, for a condition.
    written: String,
    what: What,
    /// A listener of a Gateway, a rule of a route.
    section: Option<String>,
}

#[derive(Debug)]
enum What {
    Namespace(String),
    Gateway(NamespacedName),
    Route(ObjectRef),
}

/// How far a budget reaches.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Rules of routes that some listener takes, by id.
    pub(super) rules: BTreeSet<String>,
    /// Namespaces whose callers pay.
    pub(super) namespaces: BTreeSet<String>,
    /// Targets that do not exist.
    pub(super) missing: Vec<String>,
}

/// A rule where it is served.
struct Site<'a> {
    gateway: &'a GatewayDraft,
    listener: &'a str,
    source: &'a RouteSource,
    rule: Option<&'a str>,
}

// === impl Budgets ===

impl Budgets {
    /// Holds a rule, as it is served by a listener, against every budget that applies there;
    /// says which make it refuse.
    pub(crate) fn hold(
        &self,
        rule: &mut ir::AiRule,
        (gateways, at): (&[GatewayDraft], ListenerIndex),
        (source, name): (&RouteSource, Option<&str>),
    ) -> Vec<Problem> {
        let mut refusals = Vec::new();
        let Some(site) = site(gateways, at, (source, name)) else {
            return refusals;
        };
        for binding in &self.bindings {
            if !binding.targets.iter().any(|target| target.has(&site)) {
                continue;
            }
            match &binding.effect {
                Effect::Hold(id) => rule.rule.budgets.push(id.clone()),
                Effect::Refuse(why) => {
                    refuse(std::iter::once(&mut *rule), why);
                    let message = format!("rule {} refuses requests: {why}", rule.rule.id);
                    refusals.push(Problem::new(reason::INVALID, message));
                }
            }
        }
        rule.rule.budgets.sort();
        rule.rule.budgets.dedup();
        refusals
    }
}

// === impl Binding ===

impl Binding {
    pub(super) fn new(
        name: &NamespacedName,
        object: &TokenBudget,
        built: Result<&Budget, Problem>,
    ) -> Self {
        let effect = match built {
            Ok(budget) => Effect::Hold(budget.id.clone()),
            Err(problem) => Effect::Refuse(format!(
                "TokenBudget {name} cannot be enforced: {}",
                problem.message
            )),
        };
        let mut targets: Vec<Target> = object
            .spec
            .target_refs
            .iter()
            .map(|target| {
                let target_name = NamespacedName::new(&name.namespace, &target.name);
                let what = if target.group == groups::GATEWAY_API && target.kind == "Gateway" {
                    What::Gateway(target_name)
                } else {
                    What::Route(ObjectRef::namespaced(
                        &target.group,
                        &target.kind,
                        &target_name,
                    ))
                };
                let section = target.section_name.as_deref();
                Target {
                    written: format!(
                        "{} {}{}",
                        target.kind,
                        target.name,
                        section
                            .map(|it| format!(" section {it}"))
                            .unwrap_or_default()
                    ),
                    what,
                    section: section.map(str::to_string),
                }
            })
            .collect();
        if targets.is_empty() {
            targets.push(Target {
                written: format!("namespace {}", name.namespace),
                what: What::Namespace(name.namespace.clone()),
                section: None,
            });
        }
        Self { effect, targets }
    }

    /// What the targets are, as far as rules are served there.
    pub(super) fn reach(&self, gateways: &[GatewayDraft], routes: &[AttachedAiRoute]) -> Reach {
        let mut reach = Reach::default();
        for target in &self.targets {
            if !target.exists(gateways, routes) {
                reach.missing.push(target.written.clone());
            }
        }
        for route in routes {
            let source = &route.draft.source;
            for place in &route.attachment.places {
                for rule in &route.draft.rules {
                    let site = site(gateways, place.at, (source, rule.name.as_deref()));
                    let Some(site) = site else {
                        continue;
                    };
                    if self.targets.iter().any(|target| target.has(&site)) {
                        reach.rules.insert(rule.rule.rule.id.clone());
                        reach.namespaces.insert(source.name.namespace.clone());
                    }
                }
            }
        }
        reach
    }
}

// === impl Target ===

impl Target {
    fn has(&self, site: &Site<'_>) -> bool {
        let within = |part: Option<&str>| self.section.is_none() || self.section.as_deref() == part;
        match &self.what {
            What::Namespace(namespace) => site.source.name.namespace == *namespace,
            What::Gateway(name) => site.gateway.name == *name && within(Some(site.listener)),
            What::Route(object) => site.source.object == *object && within(site.rule),
        }
    }

    fn exists(&self, gateways: &[GatewayDraft], routes: &[AttachedAiRoute]) -> bool {
        let section = self.section.as_deref();
        match &self.what {
            What::Namespace(_) => true,
            What::Gateway(name) => gateways.iter().any(|gateway| {
                let mut listeners = gateway.listeners.iter();
                gateway.name == *name
                    && section.is_none_or(|it| listeners.any(|listener| listener.name == it))
            }),
            What::Route(object) => routes.iter().any(|route| {
                let mut rules = route.draft.rules.iter();
                route.draft.source.object == *object
                    && section.is_none_or(|it| rules.any(|rule| rule.name.as_deref() == Some(it)))
            }),
        }
    }
}

fn site<'a>(
    gateways: &'a [GatewayDraft],
    at: ListenerIndex,
    (source, rule): (&'a RouteSource, Option<&'a str>),
) -> Option<Site<'a>> {
    let gateway = gateways.get(at.gateway)?;
    Some(Site {
        gateway,
        listener: &gateway.listeners.get(at.listener)?.name,
        source,
        rule,
    })
}
