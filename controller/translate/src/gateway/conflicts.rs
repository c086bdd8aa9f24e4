//! Listeners that cannot stand beside each other (Gateway API, Gateway.spec.listeners and
//! ListenerSet.spec.listeners).

use std::collections::BTreeMap;

use super::protocol::Family;
use super::{GatewayDraft, ListenerDraft, Protocol, Refusal};
use crate::status::{Problem, reason};

/// Who has what several listeners want.
#[derive(Clone, Copy, Debug)]
struct Holder {
    /// The first; those of the Gateway itself come first.
    first: usize,
    /// One of the Gateway's own that clashes with the first, if that is its own too: then nobody
    /// gets it.
    contested: Option<usize>,
}

/// Marks listeners of a Gateway and of its ListenerSets that want the same port in protocols
/// that exclude each other, or the same port and host name. Of the Gateway's own none is
/// preferred: all are refused. They come before those of ListenerSets, of which the oldest wins.
pub(super) fn mark_within(listeners: &mut [ListenerDraft]) {
    refuse_clashes(
        listeners,
        ListenerDraft::socket,
        |a, b| a.protocol.family() != b.protocol.family(),
        other_protocol,
    );
    refuse_clashes(
        listeners,
        |listener| (listener.socket(), listener.hostname.clone()),
        |_, _| true,
        same_name,
    );
}

/// Refuses whoever clashes with another listener over the same key.
fn refuse_clashes<K: Ord>(
    listeners: &mut [ListenerDraft],
    key: impl Fn(&ListenerDraft) -> K,
    clash: impl Fn(&ListenerDraft, &ListenerDraft) -> bool,
    problem: impl Fn(&ListenerDraft, &ListenerDraft) -> Problem,
) {
    let mut holders: BTreeMap<K, Holder> = BTreeMap::new();
    for (index, listener) in takers(listeners) {
        let holder = holders.entry(key(listener)).or_insert(Holder {
            first: index,
            contested: None,
        });
        let first = listeners
            .get(holder.first)
            .filter(|_| holder.first != index);
        if listener.set.is_none() && first.is_some_and(|first| clash(first, listener)) {
            holder.contested.get_or_insert(index);
        }
    }
    let mut refusals = Vec::new();
    for (index, listener) in takers(listeners) {
        let Some(holder) = holders.get(&key(listener)) else {
            continue;
        };
        let first = listeners
            .get(holder.first)
            .filter(|first| holder.first != index && clash(first, listener));
        let contested = holder.contested.and_then(|index| listeners.get(index));
        if let Some(rival) = first.or(contested) {
            refusals.push((index, problem(listener, rival)));
        }
    }
    for (index, problem) in refusals {
        if let Some(listener) = listeners.get_mut(index) {
            listener.refusal = Some(Refusal::Conflict(problem));
        }
    }
}

/// Listeners that could be served: the others are in nobody's way.
fn takers(listeners: &[ListenerDraft]) -> impl Iterator<Item = (usize, &ListenerDraft)> {
    listeners
        .iter()
        .enumerate()
        .filter(|(_, listener)| listener.protocol != Protocol::Unknown && listener.claims())
}

fn other_protocol(listener: &ListenerDraft, rival: &ListenerDraft) -> Problem {
    let message = format!(
        "listener {}: port {} is also asked for by {} in another protocol",
        listener.name,
        listener.port,
        rival.describe_to(listener),
    );
    Problem::new(reason::PROTOCOL_CONFLICT, message)
}

fn same_name(listener: &ListenerDraft, rival: &ListenerDraft) -> Problem {
    let rival = rival.describe_to(listener);
    let (name, port) = (&listener.name, listener.port);
    if listener.protocol.family() == Family::Stream {
        let message = format!("listener {name}: port {port} is also asked for by {rival}");
        return Problem::new(reason::PROTOCOL_CONFLICT, message);
    }
    let hostname = listener.hostname.domain();
    Problem::new(
        reason::HOSTNAME_CONFLICT,
        format!(
            "listener {name}: port {port} with host name {hostname} is also asked for by {rival}"
        ),
    )
}

/// On one machine a port has one owner: the oldest Gateway that asks for it.
pub(super) fn mark_across_gateways(drafts: &mut [GatewayDraft]) {
    let mut owners = BTreeMap::new();
    for draft in drafts {
        let gateway = &draft.name;
        for listener in draft.listeners.iter_mut().filter(|it| it.claims()) {
            let owner = owners
                .entry(listener.socket())
                .or_insert_with(|| gateway.clone());
            if owner != gateway {
                listener.refusal = Some(Refusal::Invalid(Problem::new(
                    reason::PORT_UNAVAILABLE,
                    format!(
                        "listener {}: port {} is taken by Gateway {owner}",
                        listener.name, listener.port
                    ),
                )));
            }
        }
    }
}

// === impl ListenerDraft ===

impl ListenerDraft {
    /// In words, for a message to the owner of another: who writes a ListenerSet need not know
    /// what others call theirs.
    pub(super) fn describe_to(&self, other: &Self) -> String {
        if self.set == other.set {
            format!("listener {}", self.section)
        } else if self.set.is_none() {
            "a listener of the Gateway".to_string()
        } else {
            "a listener of another ListenerSet".to_string()
        }
    }
}
