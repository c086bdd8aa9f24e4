//! Why a parent does not take a route, in words.

use tollgate_ir::Hostname;

use super::{Parent, RouteSource, takes_kind};
use crate::gateway::{ListenerDraft, Refusal};
use crate::status::{ParentRef, Problem, reason};

/// None of the listeners that a reference means takes routes at all.
pub(super) fn no_listener(parent: &Parent<'_>, named: &[(usize, &ListenerDraft)]) -> Problem {
    let ParentRef {
        section_name, port, ..
    } = parent.reference;
    let mut wanted = String::new();
    if let Some(name) = section_name {
        wanted.push_str(&format!(" with sectionName {name:?}"));
    }
    if let Some(port) = port {
        wanted.push_str(&format!(" with port {port}"));
    }
    let set = parent
        .set
        .and_then(|set| parent.draft.listener_sets.get(set));
    let refused = set.and_then(|set| set.refusal.as_ref());
    let refusals: Vec<&str> = named
        .iter()
        .filter_map(|(_, listener)| listener.refusal.as_ref().map(Refusal::problem))
        .chain(refused)
        .map(|problem| problem.message.as_str())
        .collect();
    let parent = parent.describe();
    let message = if refusals.is_empty() {
        format!("{parent} has no listener{wanted}")
    } else {
        let refusals = refusals.join("; ");
        format!("{parent} serves no listener{wanted}: {refusals}")
    };
    Problem::new(reason::NO_MATCHING_PARENT, message)
}

/// None of the listeners takes routes of this kind and namespace.
pub(super) fn not_allowed(parent: &Parent<'_>, named: &[usize], route: &RouteSource) -> Problem {
    let listeners: Vec<String> = named
        .iter()
        .filter_map(|index| parent.draft.listeners.get(*index))
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
            "{} does not take this route of namespace {}: {}",
            parent.describe(),
            route.name.namespace,
            listeners.join("; ")
        ),
    )
}

/// The listeners that would take the route serve other hosts.
pub(super) fn no_common_hostname(
    parent: &Parent<'_>,
    allowed: &[usize],
    route: &RouteSource,
) -> Problem {
    let own: Vec<String> = route.hostnames.iter().map(Hostname::domain).collect();
    let theirs: Vec<String> = allowed
        .iter()
        .filter_map(|index| parent.draft.listeners.get(*index))
        .map(|listener| format!("{} ({})", listener.hostname.domain(), listener.name))
        .collect();
    Problem::new(
        reason::NO_MATCHING_LISTENER_HOSTNAME,
        format!(
            "spec.hostnames [{}] has nothing in common with the host names of {}: {}",
            own.join(", "),
            parent.describe(),
            theirs.join(", ")
        ),
    )
}
