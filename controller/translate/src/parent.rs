//! Parents: which listeners a route attaches to, with which host names, or why it does not.
//!
//! Shared by every kind of route, plain or AI.

mod refusal;

use tollgate_ir::{Hostname, Shared};

use crate::gateway::{GatewayDraft, Gateways, ListenerDraft, ListenerIndex};
use crate::hostname::intersections;
use crate::status::{ACCEPTED, Condition, ObjectRef, ParentRef, ParentStatus, Problem, reason};
use crate::{NamespacedName, Options, World, groups, listener_set};

/// A route as far as attaching goes.
#[derive(Debug)]
pub(crate) struct RouteSource {
    pub(crate) object: Shared<ObjectRef>,
    pub(crate) name: NamespacedName,
    pub(crate) generation: Option<i64>,
    pub(crate) hostnames: Vec<Hostname>,
    pub(crate) parents: Vec<ParentRef>,
}

/// The parents that a route of one kind names: the generated types differ in name only.
macro_rules! parents {
    ($route:expr, $type:path) => {
        $route
            .spec
            .parent_refs
            .iter()
            .flatten()
            .cloned()
            .map(|parent| {
                let $type {
                    group,
                    kind,
                    name,
                    namespace,
                    port,
                    section_name,
                } = parent;
                $crate::status::ParentRef {
                    group,
                    kind,
                    namespace,
                    name,
                    section_name,
                    port,
                }
            })
            .collect()
    };
}
pub(crate) use parents;

/// A listener that takes a route, and the host names on which it does.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) at: ListenerIndex,
    pub(crate) hostnames: Vec<Hostname>,
    /// Place in [`Attachment::parents`] of the reference by which it is there.
    pub(crate) parent: usize,
}

/// What became of a route's references to its parents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attachment {
    /// Where it is served; a listener may be there twice.
    pub(crate) places: Vec<Place>,
    /// One for each parent that is ours, with what attaching had to say.
    pub(crate) parents: Vec<(ParentRef, Result<(), Problem>)>,
}

/// Finds the parents that a route names; parents that are not ours are passed over. What comes of it
/// does not depend on other routes.
pub(crate) fn attach(
    gateways: &Gateways,
    (world, options): (&World, &Options),
    route: &RouteSource,
) -> Attachment {
    let mut attachment = Attachment::default();
    for parent in &route.parents {
        let found = find(gateways, (world, options), (parent, &route.name.namespace));
        let outcome = match found {
            Found::Foreign => continue,
            Found::Missing(problem) => Err(problem),
            Found::Ours { gateway, set } => {
                places(gateways, (gateway, set), (world, route, parent))
            }
        };
        let outcome = outcome.map(|places| {
            let parent = attachment.parents.len();
            attachment
                .places
                .extend(places.into_iter().map(|place| Place { parent, ..place }));
        });
        attachment.parents.push((parent.clone(), outcome));
    }
    attachment
}

/// Notes at its listeners that a route is attached; one that is not accepted is not (Gateway API,
/// ListenerStatus.attachedRoutes). To be called once for a route.
pub(crate) fn note_attached(
    gateways: &mut [GatewayDraft],
    attachment: &Attachment,
    route: &Shared<ObjectRef>,
) {
    let places = &attachment.places;
    for (index, place) in places.iter().enumerate() {
        // A listener may be there twice.
        if places.iter().take(index).any(|it| it.at == place.at) {
            continue;
        }
        if let Some(listener) = listener_mut(gateways, place.at) {
            listener.attached.push(route.clone());
        }
    }
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

/// What a reference to a parent leads to.
enum Found {
    /// Something that another controller judges.
    Foreign,
    /// Nothing.
    Missing(Problem),
    /// A Gateway, or one of its ListenerSets.
    Ours { gateway: usize, set: Option<usize> },
}

fn find(
    gateways: &Gateways,
    (world, options): (&World, &Options),
    (parent, namespace): (&ParentRef, &str),
) -> Found {
    let group = parent.group.as_deref().unwrap_or(groups::GATEWAY_API);
    let kind = parent.kind.as_deref().unwrap_or("Gateway");
    if group != groups::GATEWAY_API {
        return Found::Foreign;
    }
    let name = NamespacedName::new(
        parent.namespace.as_deref().unwrap_or(namespace),
        &parent.name,
    );
    let (found, exists, rule) = match kind {
        "Gateway" => {
            let ours = gateways.find(&name).map(|gateway| (gateway, None));
            let exists = world.gateways.contains_key(&name);
            (ours, exists, "does not exist")
        }
        "ListenerSet" => {
            let ours = gateways.find_listener_set(&name);
            let ours = ours.map(|(gateway, set)| (gateway, Some(set)));
            let gateway = world
                .listener_sets
                .get(&name)
                .and_then(listener_set::parent);
            let exists = gateway.is_some_and(|gateway| world.gateways.contains_key(&gateway));
            (
                ours,
                exists,
                "does not exist, or names no Gateway that does",
            )
        }
        _ => return Found::Foreign,
    };
    match found {
        Some((gateway, set)) => Found::Ours { gateway, set },
        // In a cluster what we do not manage is another controller's to judge.
        None if exists || options.standalone().is_none() => Found::Foreign,
        None => Found::Missing(Problem::new(
            reason::NO_MATCHING_PARENT,
            format!("parent {kind} {name} {rule}"),
        )),
    }
}

/// The listeners of a Gateway or a ListenerSet that take the route. The checks go from the
/// reference to the host name, and the first that leaves no listener gives the reason.
fn places(
    gateways: &[GatewayDraft],
    (gateway, set): (usize, Option<usize>),
    (world, route, parent): (&World, &RouteSource, &ParentRef),
) -> Result<Vec<Place>, Problem> {
    let Some(draft) = gateways.get(gateway) else {
        return Ok(Vec::new());
    };
    let parent = Parent {
        draft,
        set,
        reference: parent,
    };
    let named = named_listeners(&parent)?;
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
        return Err(refusal::not_allowed(&parent, &named, route));
    }
    let places: Vec<Place> = allowed
        .iter()
        .filter_map(|index| {
            let listener = draft.listeners.get(*index)?;
            let mut hostnames = intersections(&route.hostnames, &listener.hostname);
            hostnames.retain(|name| !draft.claims.elsewhere(listener, name));
            let at = ListenerIndex {
                gateway,
                listener: *index,
            };
            (!hostnames.is_empty()).then_some(Place {
                at,
                hostnames,
                parent: 0,
            })
        })
        .collect();
    if places.is_empty() {
        return Err(refusal::no_common_hostname(&parent, &allowed, route));
    }
    Ok(places)
}

/// A parent of a route: a Gateway, or a ListenerSet of one.
struct Parent<'a> {
    draft: &'a GatewayDraft,
    set: Option<usize>,
    reference: &'a ParentRef,
}

/// The listeners that the reference names and that take routes at all.
fn named_listeners(parent: &Parent<'_>) -> Result<Vec<usize>, Problem> {
    let ParentRef {
        section_name, port, ..
    } = parent.reference;
    let named: Vec<(usize, &ListenerDraft)> = parent
        .draft
        .range_of(parent.set)
        .filter_map(|index| Some((index, parent.draft.listeners.get(index)?)))
        .filter(|(_, listener)| {
            let section = section_name.as_ref();
            section.is_none_or(|name| *name == listener.section)
                && port.is_none_or(|port| port == i32::from(listener.port))
        })
        .collect();
    let taking: Vec<usize> = named
        .iter()
        .filter(|(_, listener)| listener.claims())
        .map(|(index, _)| *index)
        .collect();
    if !taking.is_empty() {
        return Ok(taking);
    }
    Err(refusal::no_listener(parent, &named))
}

/// An AI route stands for the HTTPRoutes that Envoy AI Gateway makes of it, so a listener that
/// takes HTTPRoutes takes it.
fn takes_kind(listener: &ListenerDraft, route: &ObjectRef) -> bool {
    let is_ai = matches!(
        route.group.as_str(),
        groups::ENVOY_GATEWAY | groups::ENVOY_AI_GATEWAY
    );
    listener.supported_kinds.iter().any(|kind| {
        let is_http = kind.group == groups::GATEWAY_API && kind.kind == "HTTPRoute";
        (is_ai && is_http) || (kind.group == route.group && kind.kind == route.kind)
    })
}

// === impl Parent ===

impl Parent<'_> {
    /// `Gateway default/public`
    fn describe(&self) -> String {
        let set = self.set.and_then(|set| self.draft.listener_sets.get(set));
        match set {
            Some(set) => format!("ListenerSet {}", set.name),
            None => format!("Gateway {}", self.draft.name),
        }
    }
}
