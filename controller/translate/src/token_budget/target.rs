//! One target of a budget: whether it is there, and which rules and backends it is.

use tollgate_crds::PolicyTargetReference;

use super::Served;
use super::binding::{Reach, Site};
use crate::ai_routes::AiRuleDraft;
use crate::http_route;
use crate::status::ObjectRef;
use crate::{NamespacedName, ai_route, groups};

/// One thing that a budget applies to.
#[derive(Debug)]
pub(super) struct Target {
    /// As it is written, for a condition.
    pub(super) written: String,
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

// === impl Target ===

impl Target {
    /// All of a namespace.
    pub(super) fn namespace(namespace: &str) -> Self {
        Self {
            written: format!("namespace {namespace}"),
            what: What::Namespace(namespace.to_string()),
            section: None,
        }
    }

    pub(super) fn new(namespace: &str, target: &PolicyTargetReference) -> Self {
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

    pub(super) fn has(&self, site: &Site<'_>) -> bool {
        match &self.what {
            What::Namespace(namespace) => site.source.name.namespace == *namespace,
            What::Gateway(name) => {
                let mut section = self.section.iter();
                site.gateway.name == *name && section.all(|it| it == site.listener)
            }
            What::Route(object) => {
                let mut section = self.section.iter();
                *site.source.object == *object && section.all(|it| is_rule(site.rule, it))
            }
            What::Backend(_) | What::HttpRoute(_) => false,
        }
    }

    pub(super) fn exists(&self, served: Served<'_>) -> bool {
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
                *route.draft.source.object == *object
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

    /// Whether it is this AIServiceBackend.
    pub(super) fn is_backend(&self, name: &NamespacedName) -> bool {
        matches!(&self.what, What::Backend(it) if it == name)
    }

    /// HTTPRoutes that the target is, or brings with it.
    pub(super) fn add_unmetered(&self, served: Served<'_>, reach: &mut Reach) {
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
