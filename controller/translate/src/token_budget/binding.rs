//! A budget and its targets, and how far they reach.

use std::collections::BTreeSet;

use tollgate_bundle::{Backend, ValueMatch};
use tollgate_crds::PolicyTargetReference;

use super::Served;
use crate::ai_routes::AiRuleDraft;
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::http_route;
use crate::parent::RouteSource;
use crate::status::ObjectRef;
use crate::{NamespacedName, ai_route, groups};

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
    Refuse(String),
    /// It is served as if there were no budget.
    Nothing,
}

/// One thing that a budget applies to.
#[derive(Debug)]
pub(super) struct Target {
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
    /// An AIServiceBackend.
    Backend(NamespacedName),
    /// A plain route, which nothing meters.
    HttpRoute(NamespacedName),
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
    gateway: &'a GatewayDraft,
    listener: &'a str,
    source: &'a RouteSource,
    rule: &'a AiRuleDraft,
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
            targets.push(Target {
                written: format!("namespace {namespace}"),
                what: What::Namespace(namespace.to_string()),
                section: None,
            });
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
                .any(|target| matches!(&target.what, What::Backend(it) if it == name))
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
    pub(super) fn of_refusal(is_shadow: bool, why: String) -> Self {
        if is_shadow {
            Self::Nothing
        } else {
            Self::Refuse(why)
        }
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

// === impl Target ===

impl Target {
    fn new(namespace: &str, target: &PolicyTargetReference) -> Self {
        let PolicyTargetReference {
            group,
            kind,
            name,
            section_name,
        } = target;
        let target_name = NamespacedName::new(namespace, name);
        let what = match (group.as_str(), kind.as_str()) {
            (groups::GATEWAY_API, "Gateway") => What::Gateway(target_name),
            http_route::KIND => What::HttpRoute(target_name),
            ai_route::SERVICE_BACKEND_KIND => What::Backend(target_name),
            _ => What::Route(ObjectRef::namespaced(group, kind, &target_name)),
        };
        let section = section_name.as_deref();
        Self {
            written: format!(
                "{kind} {name}{}",
                section
                    .map(|it| format!(" section {it}"))
                    .unwrap_or_default()
            ),
            what,
            section: section_name.clone(),
        }
    }

    fn has(&self, site: &Site<'_>) -> bool {
        match &self.what {
            What::Namespace(namespace) => site.source.name.namespace == *namespace,
            What::Gateway(name) => {
                let mut section = self.section.iter();
                site.gateway.name == *name && section.all(|it| it == site.listener)
            }
            What::Route(object) => {
                let mut section = self.section.iter();
                site.source.object == *object && section.all(|it| is_rule(site.rule, it))
            }
            What::Backend(_) | What::HttpRoute(_) => false,
        }
    }

    fn exists(&self, served: Served<'_>) -> bool {
        let section = self.section.as_deref();
        match &self.what {
            What::Namespace(_) => true,
            What::Gateway(name) => served.gateways.iter().any(|gateway| {
                let mut listeners = gateway.listeners.iter();
                gateway.name == *name
                    && section.is_none_or(|it| listeners.any(|listener| listener.name == it))
            }),
            What::Route(object) => served.routes.iter().any(|route| {
                let mut rules = route.draft.rules.iter();
                route.draft.source.object == *object
                    && section.is_none_or(|it| rules.any(|rule| is_rule(rule, it)))
            }),
            What::Backend(name) => served.world.ai_service_backends.contains_key(name),
            What::HttpRoute(name) => served.world.http_routes.get(name).is_some_and(|route| {
                let mut rules = route.spec.rules.iter().flatten().enumerate();
                section.is_none_or(|it| {
                    rules.any(|(index, rule)| {
                        rule.name.as_deref() == Some(it) || index.to_string() == it
                    })
                })
            }),
        }
    }

    /// HTTPRoutes that the target is, or brings with it.
    fn add_unmetered(&self, served: Served<'_>, reach: &mut Reach) {
        match &self.what {
            What::HttpRoute(name) if self.exists(served) => {
                reach.unmetered.insert(name.to_string());
            }
            What::Gateway(name) => {
                let gateways = served.gateways.iter().filter(|it| it.name == *name);
                let listeners = gateways.flat_map(|gateway| &gateway.listeners);
                let within = |listener: &str| self.section.iter().all(|it| it == listener);
                let plain = listeners
                    .filter(|listener| within(&listener.name))
                    .flat_map(|listener| &listener.attached)
                    .filter(|route| (route.group.as_str(), route.kind.as_str()) == http_route::KIND)
                    .map(|route| {
                        let namespace = route.namespace.as_deref().unwrap_or_default();
                        NamespacedName::new(namespace, &route.name).to_string()
                    });
                reach.unmetered_beside.extend(plain);
            }
            What::HttpRoute(_) | What::Namespace(_) | What::Route(_) | What::Backend(_) => {}
        }
    }
}

/// A rule is selected by its name, or by its number in the route, from 0.
fn is_rule(rule: &AiRuleDraft, section: &str) -> bool {
    // The last part of a rule's id is its number: a contract of `tollgate_bundle::Rule`.
    let number = rule.rule.rule.id.rsplit('/').next();
    rule.name.as_deref() == Some(section) || number == Some(section)
}

// === impl Site ===

impl<'a> Site<'a> {
    pub(super) fn of(
        gateways: &'a [GatewayDraft],
        at: ListenerIndex,
        (source, rule): (&'a RouteSource, &'a AiRuleDraft),
    ) -> Option<Self> {
        let gateway = gateways.get(at.gateway)?;
        Some(Self {
            gateway,
            listener: &gateway.listeners.get(at.listener)?.name,
            source,
            rule,
        })
    }
}
