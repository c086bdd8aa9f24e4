//! Listeners that cannot stand beside each other (Gateway API, Gateway.spec.listeners).

use std::collections::BTreeMap;

use super::{GatewayDraft, ListenerDraft, Protocol, Refusal};
use crate::status::{Problem, reason};

/// Marks listeners of one Gateway that want the same port in different protocols, or the same
/// port and host name. None of them is preferred: all are refused.
pub(super) fn mark_within_gateways(drafts: &mut [GatewayDraft]) {
    for draft in drafts {
        let conflicts: Vec<Option<Problem>> = draft
            .listeners
            .iter()
            .enumerate()
            .map(|(index, listener)| conflict(index, listener, &draft.listeners))
            .collect();
        for (listener, conflict) in draft.listeners.iter_mut().zip(conflicts) {
            if let Some(problem) = conflict {
                listener.refusal = Some(Refusal::Conflict(problem));
            }
        }
    }
}

fn conflict(index: usize, listener: &ListenerDraft, all: &[ListenerDraft]) -> Option<Problem> {
    let is_udp = |listener: &ListenerDraft| listener.protocol == Protocol::Udp;
    let rivals: Vec<&ListenerDraft> = all
        .iter()
        .enumerate()
        .filter(|(other, rival)| {
            *other != index
                && rival.port == listener.port
                && rival.port != 0
                && is_udp(rival) == is_udp(listener)
        })
        .map(|(_, rival)| rival)
        .collect();
    if let Some(rival) = rivals
        .iter()
        .find(|rival| rival.protocol != listener.protocol)
    {
        return Some(Problem::new(
            reason::PROTOCOL_CONFLICT,
            format!(
                "listener {}: port {} is also asked for by listener {} in another protocol",
                listener.name, listener.port, rival.name
            ),
        ));
    }
    let rival = rivals
        .iter()
        .find(|rival| rival.hostname == listener.hostname)?;
    Some(Problem::new(
        reason::HOSTNAME_CONFLICT,
        format!(
            "listener {}: port {} with host name {} is also asked for by listener {}",
            listener.name,
            listener.port,
            listener.hostname.domain(),
            rival.name
        ),
    ))
}

/// On one machine a port has one owner: the oldest Gateway that asks for it.
pub(super) fn mark_across_gateways(drafts: &mut [GatewayDraft]) {
    let mut owners = BTreeMap::new();
    for draft in drafts {
        let gateway = &draft.name;
        for listener in draft.listeners.iter_mut().filter(|it| it.refusal.is_none()) {
            let owner = owners
                .entry(listener.port)
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
