//! A budget and its targets, and how far they reach.

use std::collections::BTreeSet;

use tollgate_bundle::{Backend, ValueMatch};
use tollgate_crds::PolicyTargetReference;

use super::Served;
use super::target::Target;
use crate::NamespacedName;
use crate::ai_routes::AiRuleDraft;
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;

/// A budget and its targets.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) effect: Effect,
    pub(super) targets: Vec<Target>,
}

/// What happens to what a budget applies to.
#[derive(Debug)]
pub(super) enum Effect {
    /// It is held against the budget with this id.
    Hold(String),
    /// It refuses, because the budget cannot be enforced.
    Refuse(Refusal),
    /// It is served as if there were no budget.
    Nothing,
}

/// A budget that cannot be enforced.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What is held against the budget with this id, which has the same name, is served.
    pub(super) unless_held: Option<String>,
    pub(super) why: String,
}

/// How far a budget reaches.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Rules of routes that some listener takes, by id.
    pub(super) rules: BTreeSet<String>,
    /// Backends of such rules that are held by themselves, by id.
    pub(super) backends: BTreeSet<String>,
    /// Namespaces whose callers pay.
    pub(super) namespaces: BTreeSet<String>,
    /// Listeners that verify the certificates of clients, and those that do not.
    pub(super) verifying: BTreeSet<String>,
    pub(super) unverifying: BTreeSet<String>,
    /// Models that providers are asked for there, as far as they are known.
    pub(super) models: BTreeSet<String>,
    /// Targets that do not exist.
    pub(super) missing: Vec<String>,
    /// HTTPRoutes among the targets.
    pub(super) unmetered: BTreeSet<String>,
    /// HTTPRoutes that a Gateway among the targets serves.
    pub(super) unmetered_beside: BTreeSet<String>,
}

/// A rule where it is served.
pub(super) struct Site<'a> {
    pub(super) gateway: &'a GatewayDraft,
    pub(super) listener: &'a str,
    pub(super) verifies_clients: bool,
    pub(super) source: &'a RouteSource,
    pub(super) rule: &'a AiRuleDraft,
}

// === impl Binding ===

impl Binding {
    /// The binding of a budget of `namespace`; without references, to all of it.
    pub(super) fn new(
        namespace: &str,
        references: &[PolicyTargetReference],
        effect: Effect,
    ) -> Self {
        let mut targets: Vec<Target> = references
            .iter()
            .map(|target| Target::new(namespace, target))
            .collect();
        if targets.is_empty() {
            targets.push(Target::namespace(namespace));
        }
        Self { effect, targets }
    }

    /// What the targets are, as far as rules are served there.
    pub(super) fn reach(&self, served: Served<'_>) -> Reach {
        let mut reach = Reach::default();
        for target in &self.targets {
            if !target.exists(served) {
                reach.missing.push(target.written.clone());
            }
            target.add_unmetered(served, &mut reach);
        }
        for route in served.routes {
            let source = &route.draft.source;
            for place in &route.attachment.places {
                for rule in &route.draft.rules {
                    if let Some(site) = Site::of(served.gateways, place.at, (source, rule)) {
                        self.add_site(&site, &mut reach);
                    }
                }
            }
        }
        reach
    }

    /// Whether the whole rule is held.
    pub(super) fn has_rule(&self, site: &Site<'_>) -> bool {
        self.targets.iter().any(|target| target.has(site))
    }

    /// Positions of the backends of a rule that are held by themselves.
    pub(super) fn backends<'a>(&'a self, rule: &'a AiRuleDraft) -> impl Iterator<Item = usize> {
        let names = rule.service_backends.iter().enumerate();
        names.filter_map(|(position, name)| {
            let name = name.as_ref()?;
            let mut targets = self.targets.iter();
            targets
                .any(|target| target.is_backend(name))
                .then_some(position)
        })
    }

    fn add_site(&self, site: &Site<'_>, reach: &mut Reach) {
        let rule = &site.rule.rule.rule;
        let whole = self.has_rule(site);
        let backends: Vec<&Backend> = if whole {
            reach.rules.insert(rule.id.clone());
            rule.backends.iter().collect()
        } else {
            let held = self.backends(site.rule);
            held.filter_map(|position| rule.backends.get(position))
                .inspect(|backend| {
                    reach.backends.insert(backend.id.clone());
                })
                .collect()
        };
        if backends.is_empty() {
            return;
        }
        reach.namespaces.insert(rule.namespace.clone());
        let listeners = match site.verifies_clients {
            true => &mut reach.verifying,
            false => &mut reach.unverifying,
        };
        listeners.insert(format!(
            "{} of Gateway {}",
            site.listener, site.gateway.name
        ));
        for backend in backends {
            match &backend.model {
                Some(model) => drop(reach.models.insert(model.clone())),
                None => reach
                    .models
                    .extend(rule.matches.iter().filter_map(|it| match &it.model {
                        Some(ValueMatch::Exact(model)) => Some(model.clone()),
                        Some(ValueMatch::Regex(_)) | None => None,
                    })),
            }
        }
    }
}

// === impl Effect ===

impl Effect {
    /// What a budget that cannot be enforced does. A Shadow guards nothing, so it stops nobody.
    pub(super) fn of_refusal(name: &NamespacedName, is_shadow: bool, why: &str) -> Self {
        if is_shadow {
            return Self::Nothing;
        }
        Self::Refuse(Refusal {
            unless_held: None,
            why: format!("TokenBudget {name} cannot be enforced: {why}"),
        })
    }
}

// === impl Refusal ===

impl Refusal {
    /// Whether what is held against these budgets is served all the same.
    pub(super) fn spares(&self, held: &[String]) -> bool {
        self.unless_held
            .as_ref()
            .is_some_and(|id| held.contains(id))
    }
}

// === impl Reach ===

impl Reach {
    /// Whether anything is held.
    pub(super) fn is_served(&self) -> bool {
        !self.rules.is_empty() || !self.backends.is_empty()
    }

    /// What comes of a budget that cannot be enforced, in words.
    pub(super) fn of_refusal(&self, is_shadow: bool) -> String {
        if is_shadow {
            return "a Shadow refuses nothing: requests are served and not counted".to_string();
        }
        let refusing = self.rules.len() + self.backends.len();
        format!("rules and backends that the budget applies to refuse requests: {refusing}")
    }
}

// === impl Site ===

impl<'a> Site<'a> {
    pub(super) fn of(
        gateways: &'a [GatewayDraft],
        at: ListenerIndex,
        (source, rule): (&'a RouteSource, &'a AiRuleDraft),
    ) -> Option<Self> {
        let gateway = gateways.get(at.gateway)?;
        let listener = gateway.listeners.get(at.listener)?;
        Some(Self {
            gateway,
            listener: &listener.name,
            verifies_clients: listener.verifies_clients(),
            source,
            rule,
        })
    }
}
