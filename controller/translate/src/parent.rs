//! Parents: which listeners a route attaches to, with which host names, or why it does not.
//!
//! Shared by every kind of route, plain or AI.

use tollgate_ir::Hostname;

use crate::gateway::{GatewayDraft, ListenerDraft, ListenerIndex};
use crate::hostname::{covers, intersections};
use crate::status::{
    ACCEPTED, Condition, ObjectRef, ParentRef, ParentStatus, Problem, RouteKind, reason,
};
use crate::{NamespacedName, Options, World, groups};

/// A route as far as attaching goes.
#[derive(Debug)]
pub(crate) struct RouteSource {
    pub(crate) object: ObjectRef,
    pub(crate) name: NamespacedName,
    pub(crate) generation: Option<i64>,
    pub(crate) hostnames: Vec<Hostname>,
    pub(crate) parents: Vec<ParentRef>,
}

/// A listener that takes a route, and the host names on which it does.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) at: ListenerIndex,
    pub(crate) hostnames: Vec<Hostname>,
}

/// What became of a route's references to its parents.
#[derive(Debug, Default)]
pub(crate) struct Attachment {
    /// Where it is served; a listener may be there twice.
    pub(crate) places: Vec<Place>,
    /// One for each parent that is ours, with what attaching had to say.
    pub(crate) parents: Vec<(ParentRef, Result<(), Problem>)>,
}

/// Attaches a route to the parents it names; parents that are not ours are passed over.
pub(crate) fn attach(
    gateways: &mut [GatewayDraft],
    (world, options): (&World, &Options),
    route: &RouteSource,
) -> Attachment {
    let mut attachment = Attachment::default();
    for parent in &route.parents {
        if !is_gateway(parent) {
            continue;
        }
        let outcome = match find(gateways, parent, &route.name.namespace) {
            Some(gateway) => places(gateways, gateway, (world, route, parent)),
            None if is_foreign(world, options, parent, &route.name.namespace) => continue,
            None => Err(missing_gateway(parent, &route.name.namespace)),
        };
        let outcome = outcome.map(|places| {
            for place in &places {
                if let Some(listener) = listener_mut(gateways, place.at) {
                    listener.attached.insert(route.object.clone());
                }
            }
            attachment.places.extend(places);
        });
        attachment.parents.push((parent.clone(), outcome));
    }
    attachment
}

/// The parents' statuses: what attaching said, or else `otherwise`, which holds for the route
/// as a whole; then the same further conditions for each.
pub(crate) fn statuses(
    attachment: &Attachment,
    options: &Options,
    generation: Option<i64>,
    (otherwise, further): (&Condition, &[Condition]),
) -> Vec<ParentStatus> {
    attachment
        .parents
        .iter()
        .map(|(parent, outcome)| {
            let accepted = match outcome {
                Ok(()) => otherwise.clone(),
                Err(problem) => Condition::fails(ACCEPTED, problem, generation),
            };
            ParentStatus {
                parent_ref: parent.clone(),
                controller_name: options.controller_name.clone(),
                conditions: std::iter::once(accepted)
                    .chain(further.iter().cloned())
                    .collect(),
            }
        })
        .collect()
}

pub(crate) fn listener_mut(
    gateways: &mut [GatewayDraft],
    at: ListenerIndex,
) -> Option<&mut ListenerDraft> {
    gateways.get_mut(at.gateway)?.listeners.get_mut(at.listener)
}

fn is_gateway(parent: &ParentRef) -> bool {
    parent.group.as_deref().unwrap_or(groups::GATEWAY_API) == groups::GATEWAY_API
        && parent.kind.as_deref().unwrap_or("Gateway") == "Gateway"
}

fn name_of(parent: &ParentRef, namespace: &str) -> NamespacedName {
    NamespacedName::new(
        parent.namespace.as_deref().unwrap_or(namespace),
        &parent.name,
    )
}

fn find(gateways: &[GatewayDraft], parent: &ParentRef, namespace: &str) -> Option<usize> {
    let name = name_of(parent, namespace);
    gateways.iter().position(|gateway| gateway.name == name)
}

/// In a cluster a Gateway that we do not manage is another controller's to judge.
fn is_foreign(world: &World, options: &Options, parent: &ParentRef, namespace: &str) -> bool {
    options.standalone().is_none() || world.gateways.contains_key(&name_of(parent, namespace))
}

fn missing_gateway(parent: &ParentRef, namespace: &str) -> Problem {
    Problem::new(
        reason::NO_MATCHING_PARENT,
        format!(
            "parent Gateway {} does not exist",
            name_of(parent, namespace)
        ),
    )
}

/// The listeners of a Gateway that take the route. The checks go from the reference to the
/// host name, and the first that leaves no listener gives the reason.
fn places(
    gateways: &[GatewayDraft],
    gateway: usize,
    (world, route, parent): (&World, &RouteSource, &ParentRef),
) -> Result<Vec<Place>, Problem> {
    let Some(draft) = gateways.get(gateway) else {
        return Ok(Vec::new());
    };
    let named = named_listeners(draft, parent)?;
    let allowed: Vec<usize> = named
        .iter()
        .copied()
        .filter(|index| {
            draft.listeners.get(*index).is_some_and(|listener| {
                takes_kind(listener, &route.object)
                    && listener.allowed.allows(world, &route.name.namespace)
            })
        })
        .collect();
    if allowed.is_empty() {
        return Err(not_allowed(draft, &named, route));
    }
    let places: Vec<Place> = allowed
        .iter()
        .filter_map(|index| {
            let listener = draft.listeners.get(*index)?;
            let mut hostnames = intersections(&route.hostnames, &listener.hostname);
            hostnames.retain(|name| !claimed_elsewhere(draft, listener, name));
            let at = ListenerIndex {
                gateway,
                listener: *index,
            };
            (!hostnames.is_empty()).then_some(Place { at, hostnames })
        })
        .collect();
    if places.is_empty() {
        return Err(no_common_hostname(draft, &allowed, route));
    }
    Ok(places)
}

/// The listeners that the reference names and that serve anything at all.
fn named_listeners(draft: &GatewayDraft, parent: &ParentRef) -> Result<Vec<usize>, Problem> {
    let named: Vec<(usize, &ListenerDraft)> = draft
        .listeners
        .iter()
        .enumerate()
        .filter(|(_, listener)| {
            parent
                .section_name
                .as_ref()
                .is_none_or(|name| *name == listener.name)
                && parent
                    .port
                    .is_none_or(|port| port == i32::from(listener.port))
        })
        .collect();
    let serving: Vec<usize> = named
        .iter()
        .filter(|(_, listener)| listener.refusal.is_none())
        .map(|(index, _)| *index)
        .collect();
    if !serving.is_empty() {
        return Ok(serving);
    }
    let mut wanted = String::new();
    if let Some(name) = &parent.section_name {
        wanted.push_str(&format!(" with sectionName {name:?}"));
    }
    if let Some(port) = parent.port {
        wanted.push_str(&format!(" with port {port}"));
    }
    let refusals: Vec<&str> = named
        .iter()
        .filter_map(|(_, listener)| listener.refusal.as_ref())
        .map(|refusal| refusal.problem().message.as_str())
        .collect();
    let message = if refusals.is_empty() {
        format!("Gateway {} has no listener{wanted}", draft.name)
    } else {
        format!(
            "Gateway {} serves no listener{wanted}: {}",
            draft.name,
            refusals.join("; ")
        )
    };
    Err(Problem::new(reason::NO_MATCHING_PARENT, message))
}

/// An AI route stands for the HTTPRoutes that Envoy AI Gateway makes of it, so a listener that
/// takes HTTPRoutes takes it.
fn takes_kind(listener: &ListenerDraft, route: &ObjectRef) -> bool {
    let http = RouteKind {
        group: groups::GATEWAY_API.to_string(),
        kind: "HTTPRoute".to_string(),
    };
    listener
        .supported_kinds
        .iter()
        .any(|kind| *kind == http || (kind.group == route.group && kind.kind == route.kind))
}

/// Whether a more specific listener of the same port has the host name to itself.
fn claimed_elsewhere(draft: &GatewayDraft, own: &ListenerDraft, name: &Hostname) -> bool {
    draft.listeners.iter().any(|other| {
        other.refusal.is_none()
            && other.port == own.port
            && other.hostname != own.hostname
            && covers(&own.hostname, &other.hostname)
            && covers(&other.hostname, name)
    })
}

fn not_allowed(draft: &GatewayDraft, named: &[usize], route: &RouteSource) -> Problem {
    let listeners: Vec<String> = named
        .iter()
        .filter_map(|index| draft.listeners.get(*index))
        .map(|listener| {
            if takes_kind(listener, &route.object) {
                format!(
                    "listener {} takes routes {}",
                    listener.name,
                    listener.allowed.describe()
                )
            } else {
                format!(
                    "listener {} does not take kind {}",
                    listener.name, route.object.kind
                )
            }
        })
        .collect();
    Problem::new(
        reason::NOT_ALLOWED_BY_LISTENERS,
        format!(
            "Gateway {} does not take this route of namespace {}: {}",
            draft.name,
            route.name.namespace,
            listeners.join("; ")
        ),
    )
}

fn no_common_hostname(draft: &GatewayDraft, allowed: &[usize], route: &RouteSource) -> Problem {
    let own: Vec<String> = route.hostnames.iter().map(Hostname::domain).collect();
    let theirs: Vec<String> = allowed
        .iter()
        .filter_map(|index| draft.listeners.get(*index))
        .map(|listener| format!("{} ({})", listener.hostname.domain(), listener.name))
        .collect();
    Problem::new(
        reason::NO_MATCHING_LISTENER_HOSTNAME,
        format!(
            "spec.hostnames [{}] has nothing in common with the host names of Gateway {}: {}",
            own.join(", "),
            draft.name,
            theirs.join(", ")
        ),
    )
}
