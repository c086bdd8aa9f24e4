//! What a policy applies to: Gateways and their listeners, routes and their rules.

mod select;

use tollgate_crds::PolicyTargetReference;
use tollgate_crds::envoy_gateway::backend_traffic_policy::TargetSelector;

use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;
use crate::status::{ParentRef, Problem, reason};
use crate::{
    NamespacedName, Options, World, ai_route, compact_ai_route, groups, grpc_route, http_route,
};

/// What a policy says of its targets.
#[derive(Debug)]
pub(crate) struct Targeting<'a> {
    /// Group and kind of the policy, as references and grants name it.
    pub(crate) kind: (&'static str, &'static str),
    pub(crate) name: &'a NamespacedName,
    pub(crate) named: Vec<&'a PolicyTargetReference>,
    pub(crate) selectors: &'a [TargetSelector],
}

/// How specific a target is; the greater wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Gateway,
    Listener,
    Route,
    Rule,
}

/// Two targets with one key are one target.
pub(crate) type Key = (String, String, NamespacedName, Option<String>);

/// Something that a policy applies to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) key: Key,
    /// As it is written.
    pub(crate) reference: ParentRef,
    /// The Gateway, where it is one.
    pub(crate) ancestor: Option<ParentRef>,
    /// Of the route or Gateway.
    pub(crate) name: NamespacedName,
    what: What,
    section: Option<String>,
}

#[derive(Clone, Debug)]
enum What {
    Gateway,
    /// Routes of this name and any of these kinds.
    Route(Vec<(&'static str, &'static str)>),
}

/// A rule of a route where it is served.
pub(crate) struct Site<'a> {
    pub(crate) gateway: &'a GatewayDraft,
    listener: &'a str,
    source: &'a RouteSource,
    rule: Option<&'a str>,
}

/// The targets of a policy.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) targets: Vec<Target>,
    /// References that lead nowhere, and why.
    pub(crate) lost: Vec<(ParentRef, Problem)>,
    pub(crate) warnings: Vec<Problem>,
}

/// Finds the targets of a policy. Objects of other controllers are passed over.
pub(crate) fn find(
    context: (&World, &Options),
    gateways: &[GatewayDraft],
    policy: &Targeting<'_>,
) -> Found {
    let mut found = Found::default();
    for reference in &policy.named {
        let target = name_target(&policy.name.namespace, reference);
        found.add(context, gateways, (reference, target));
    }
    for (index, selector) in policy.selectors.iter().enumerate() {
        let field = format!("spec.targetSelectors[{index}]");
        select::add(context, gateways, (policy, &field, selector), &mut found);
    }
    found
}

/// What a policy of this kind is told whose target another has.
pub(crate) fn conflict(target: &Target, kind: &str, owner: &NamespacedName) -> Problem {
    let message = format!(
        "{} is the target of the older {kind} {owner}",
        describe(&target.reference),
    );
    Problem::new(reason::CONFLICTED, message)
}

/// `HTTPRoute web section checkout`
pub(crate) fn describe(reference: &ParentRef) -> String {
    let section = reference.section_name.as_deref();
    format!(
        "{} {}{}",
        reference.kind.as_deref().unwrap_or_default(),
        reference.name,
        section
            .map(|it| format!(" section {it}"))
            .unwrap_or_default()
    )
}

fn name_target(namespace: &str, reference: &PolicyTargetReference) -> (ParentRef, NamespacedName) {
    let PolicyTargetReference {
        group,
        kind,
        name,
        section_name,
    } = reference.clone();
    let target = NamespacedName::new(namespace, &name);
    let reference = ParentRef {
        group: Some(group),
        kind: Some(kind),
        namespace: Some(namespace.to_string()),
        name,
        section_name,
        port: None,
    };
    (reference, target)
}

// === impl Found ===

impl Found {
    fn add(
        &mut self,
        (world, options): (&World, &Options),
        gateways: &[GatewayDraft],
        (written, (reference, name)): (&PolicyTargetReference, (ParentRef, NamespacedName)),
    ) {
        let missing = |what: String| Problem::new(reason::TARGET_NOT_FOUND, what);
        let key = (
            written.group.clone(),
            written.kind.clone(),
            name.clone(),
            written.section_name.clone(),
        );
        let outcome = match (written.group.as_str(), written.kind.as_str()) {
            (groups::GATEWAY_API, "Gateway") => {
                match gateways.iter().find(|gateway| gateway.name == name) {
                    Some(gateway) => listener_exists(gateway, written).map(|()| What::Gateway),
                    // Another controller's.
                    None if world.gateways.contains_key(&name) => return,
                    None => Err(missing(format!("Gateway {name} does not exist"))),
                }
            }
            (group, kind) => match route_kinds(group, kind) {
                None => Err(Problem::new(
                    reason::UNSUPPORTED_VALUE,
                    format!("{kind} is a kind that this release does not serve"),
                )),
                Some(kinds) => {
                    route_exists(world, &kinds, (&name, written)).map(|()| What::Route(kinds))
                }
            },
        };
        match outcome {
            Ok(what) => self.targets.push(Target {
                ancestor: matches!(what, What::Gateway).then(|| reference.clone()),
                key,
                reference,
                name,
                what,
                section: written.section_name.clone(),
            }),
            // In a cluster the object may come later, and other controllers read policies too.
            Err(problem)
                if options.standalone().is_none()
                    && problem.reason == reason::TARGET_NOT_FOUND
                    && written.section_name.is_none() => {}
            Err(problem) => self.lost.push((reference, problem)),
        }
    }
}

fn listener_exists(gateway: &GatewayDraft, written: &PolicyTargetReference) -> Result<(), Problem> {
    let Some(section) = &written.section_name else {
        return Ok(());
    };
    if gateway
        .listeners
        .iter()
        .any(|listener| listener.name == *section)
    {
        return Ok(());
    }
    let message = format!("Gateway {} has no listener {section}", gateway.name);
    Err(Problem::new(reason::TARGET_NOT_FOUND, message))
}

/// The kinds of routes that a reference means. Envoy AI Gateway makes an HTTPRoute of the same
/// name out of each AIGatewayRoute, and people target that.
fn route_kinds(group: &str, kind: &str) -> Option<Vec<(&'static str, &'static str)>> {
    match (group, kind) {
        (groups::GATEWAY_API, "HTTPRoute") => Some(vec![
            http_route::KIND,
            ai_route::KIND,
            compact_ai_route::KIND,
        ]),
        (groups::GATEWAY_API, "GRPCRoute") => Some(vec![grpc_route::KIND]),
        (groups::ENVOY_AI_GATEWAY, "AIGatewayRoute") => Some(vec![ai_route::KIND]),
        (groups::ENVOY_GATEWAY, "AIGatewayRoute") => Some(vec![compact_ai_route::KIND]),
        _ => None,
    }
}

fn route_exists(
    world: &World,
    kinds: &[(&str, &str)],
    (name, written): (&NamespacedName, &PolicyTargetReference),
) -> Result<(), Problem> {
    let mut there = false;
    let mut rules: Vec<&str> = Vec::new();
    for kind in kinds {
        if *kind == http_route::KIND
            && let Some(route) = world.http_routes.get(name)
        {
            there = true;
            rules.extend(
                route
                    .spec
                    .rules
                    .iter()
                    .flatten()
                    .filter_map(|it| it.name.as_deref()),
            );
        }
        if *kind == grpc_route::KIND
            && let Some(route) = world.grpc_routes.get(name)
        {
            there = true;
            let named = route.spec.rules.iter().flatten();
            rules.extend(named.filter_map(|it| it.name.as_deref()));
        }
        if *kind == ai_route::KIND
            && let Some(route) = world.ai_gateway_routes.get(name)
        {
            there = true;
            rules.extend(route.spec.rules.iter().filter_map(|it| it.name.as_deref()));
        }
        there |=
            *kind == compact_ai_route::KIND && world.compact_ai_gateway_routes.contains_key(name);
    }
    let message = match &written.section_name {
        _ if !there => format!("{} {name} does not exist", written.kind),
        Some(section) if !rules.contains(&section.as_str()) => {
            format!("{} {name} has no rule named {section}", written.kind)
        }
        _ => return Ok(()),
    };
    Err(Problem::new(reason::TARGET_NOT_FOUND, message))
}

// === impl Target ===

impl Target {
    /// How specific this target is for a rule; `None` where it does not mean it.
    pub(crate) fn level(&self, site: &Site<'_>) -> Option<Level> {
        let section = self.section.as_deref();
        match &self.what {
            What::Gateway => {
                let meant = self.name == site.gateway.name
                    && section.is_none_or(|section| section == site.listener);
                meant.then_some(match section {
                    Some(_) => Level::Listener,
                    None => Level::Gateway,
                })
            }
            What::Route(kinds) => {
                let object = &site.source.object;
                let kind = (object.group.as_str(), object.kind.as_str());
                let meant = self.name == site.source.name
                    && kinds.contains(&kind)
                    && section.is_none_or(|section| Some(section) == site.rule);
                meant.then_some(match section {
                    Some(_) => Level::Rule,
                    None => Level::Route,
                })
            }
        }
    }
}

// === impl Site ===

impl<'a> Site<'a> {
    pub(crate) fn new(
        gateways: &'a [GatewayDraft],
        at: ListenerIndex,
        (source, rule): (&'a RouteSource, Option<&'a str>),
    ) -> Option<Self> {
        let gateway = gateways.get(at.gateway)?;
        Some(Self {
            gateway,
            listener: &gateway.listeners.get(at.listener)?.name,
            source,
            rule,
        })
    }

    /// The object by which a policy of this level is told about this site.
    pub(crate) fn ancestor(&self, level: Level) -> ParentRef {
        ParentRef {
            group: Some(groups::GATEWAY_API.to_string()),
            kind: Some("Gateway".to_string()),
            namespace: Some(self.gateway.name.namespace.clone()),
            name: self.gateway.name.name.clone(),
            section_name: (level == Level::Listener).then(|| self.listener.to_string()),
            port: None,
        }
    }

    /// `HTTPRoute default/web`
    pub(crate) fn describe(&self) -> String {
        format!("{} {}", self.source.object.kind, self.source.name)
    }
}
