//! Listeners with TLS on one port whose host names or certificates cover each other: clients may
//! send a request for one over a connection of the other (condition `OverlappingTLSConfig`).

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir::Hostname;

use super::claims::upward;
use super::protocol::Family;
use super::{ListenerDraft, Socket};
use crate::status::{Problem, reason};

/// Listeners of one port by the names they have.
type ByName = BTreeMap<(Socket, Hostname), BTreeSet<usize>>;

/// Marks the listeners that overlap with another. Certificates are the graver reason.
pub(super) fn mark(listeners: &mut [ListenerDraft]) {
    let mut hostnames = ByName::new();
    let mut certificates = ByName::new();
    for (index, listener) in listeners.iter().enumerate() {
        if listener.protocol.family() != Family::Tls || !listener.claims() {
            continue;
        }
        let socket = listener.socket();
        let key = (socket, listener.hostname.clone());
        hostnames.entry(key).or_default().insert(index);
        for name in &listener.certificate_names {
            let key = (socket, name.clone());
            certificates.entry(key).or_default().insert(index);
        }
    }
    for (what, reason, by_name) in [
        ("host name", reason::OVERLAPPING_HOSTNAMES, &hostnames),
        (
            "certificate for",
            reason::OVERLAPPING_CERTIFICATES,
            &certificates,
        ),
    ] {
        for (index, (own, other, rival)) in overlaps(by_name) {
            let (Some(listener), Some(rival)) = (listeners.get(index), listeners.get(rival)) else {
                continue;
            };
            let message = format!(
                "listener {}: {what} {} overlaps with {} of {}; HTTP requests for one that come over a connection of the other are answered 421",
                listener.name,
                own.domain(),
                other.domain(),
                rival.describe_to(listener),
            );
            if let Some(listener) = listeners.get_mut(index) {
                listener.overlap = Some(Problem::new(reason, message));
            }
        }
    }
}

/// Of each listener that overlaps with another: its name, the other name, and the other.
fn overlaps(by_name: &ByName) -> BTreeMap<usize, (Hostname, Hostname, usize)> {
    let mut found = BTreeMap::new();
    for ((socket, name), holders) in by_name {
        for outer in upward(name) {
            let Some(covering) = by_name.get(&(*socket, outer.clone())) else {
                continue;
            };
            let first_but =
                |set: &BTreeSet<usize>, own: usize| set.iter().copied().find(|index| *index != own);
            for own in holders {
                if let Some(rival) = first_but(covering, *own) {
                    let entry = found.entry(*own);
                    entry.or_insert_with(|| (name.clone(), outer.clone(), rival));
                }
            }
            for own in covering {
                if let Some(rival) = first_but(holders, *own) {
                    let entry = found.entry(*own);
                    entry.or_insert_with(|| (outer.clone(), name.clone(), rival));
                }
            }
        }
    }
    found
}
