//! Gateways of a class that share one fleet (`mergeGateways`): what they cannot both have, and how
//! they become one. The older Gateway comes first.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use tollgate_ir::Hostname;

use super::protocol::Family;
use super::{Claims, GatewayDraft, ListenerDraft, Refusal, Socket};
use crate::NamespacedName;
use crate::status::{Problem, reason};

/// Stands where a Gateway's namespace would in the names of what a class shares; such names are
/// told apart from a Gateway's by the fleet that has them.
pub(crate) const NAMESPACE: &str = "class";

/// What is taken, by what it binds.
#[derive(Default)]
struct Taken {
    families: BTreeMap<Socket, (Family, NamespacedName)>,
    names: BTreeMap<(Socket, Hostname), NamespacedName>,
}

/// Refuses listeners that want what a listener of an older Gateway of the fleet has: the port in
/// another protocol, or the port and host name.
pub(super) fn mark(drafts: &mut [GatewayDraft]) {
    let mut taken: BTreeMap<String, Taken> = BTreeMap::new();
    for draft in drafts.iter_mut() {
        let Some(class) = &draft.merged_class else {
            continue;
        };
        let taken = taken.entry(class.clone()).or_default();
        for listener in draft.listeners.iter_mut().filter(|it| it.claims()) {
            if let Some(problem) = taken.take(&draft.name, listener) {
                listener.refusal = Some(Refusal::Conflict(problem));
            }
        }
    }
    mark_certificates(drafts);
}

/// One fleet shows one certificate to backends.
fn mark_certificates(drafts: &mut [GatewayDraft]) {
    let differing: BTreeSet<String> = classes(drafts)
        .filter(|class| shared_certificate(drafts, class).is_none())
        .collect();
    for draft in drafts {
        let is_different = draft
            .merged_class
            .as_ref()
            .is_some_and(|it| differing.contains(it));
        if is_different && draft.backend_certificate.is_some() {
            let field = "spec.tls.backend (Gateways of one fleet have different certificates)";
            draft.ignored.push(field.to_string());
        }
    }
}

/// Whichever Gateway of the fleet claims a host name has it before the others.
pub(super) fn share_claims(drafts: &mut [GatewayDraft]) {
    let of_classes: BTreeMap<String, Claims> = classes(drafts)
        .map(|class| {
            let members = drafts
                .iter()
                .filter(|it| it.merged_class.as_ref() == Some(&class));
            let claims = Claims::new(members.flat_map(|it| &it.listeners));
            (class, claims)
        })
        .collect();
    for draft in drafts {
        if let Some(claims) = draft
            .merged_class
            .as_ref()
            .and_then(|it| of_classes.get(it))
        {
            draft.claims = claims.clone();
        }
    }
}

/// One draft for each fleet, where the oldest of its Gateways was.
pub(crate) fn join(drafts: Vec<GatewayDraft>) -> Vec<GatewayDraft> {
    let certificates: BTreeMap<String, _> = classes(&drafts)
        .filter_map(|class| {
            let shared = shared_certificate(&drafts, &class)?.cloned();
            Some((class, shared))
        })
        .collect();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut joined: Vec<GatewayDraft> = Vec::new();
    for mut draft in drafts {
        let Some(class) = draft.merged_class.clone() else {
            joined.push(draft);
            continue;
        };
        match places.entry(class) {
            Entry::Vacant(entry) => {
                draft.name = NamespacedName::new(NAMESPACE, entry.key());
                draft.backend_certificate = certificates.get(entry.key()).cloned().flatten();
                entry.insert(joined.len());
                joined.push(draft);
            }
            Entry::Occupied(entry) => {
                if let Some(first) = joined.get_mut(*entry.get()) {
                    first.listeners.extend(draft.listeners);
                }
            }
        }
    }
    joined
}

/// Classes with a fleet for all.
fn classes(drafts: &[GatewayDraft]) -> impl Iterator<Item = String> + use<> {
    let classes: BTreeSet<String> = drafts
        .iter()
        .filter_map(|draft| draft.merged_class.clone())
        .collect();
    classes.into_iter()
}

/// The certificate for backends, where all Gateways of a class agree on it; `None` where not.
fn shared_certificate<'a>(
    drafts: &'a [GatewayDraft],
    class: &str,
) -> Option<Option<&'a tollgate_ir::Certificate>> {
    let mut members = drafts
        .iter()
        .filter(|draft| draft.merged_class.as_deref() == Some(class))
        .map(|draft| draft.backend_certificate.as_ref());
    let first = members.next()?;
    members.all(|it| it == first).then_some(first)
}

// === impl Taken ===

impl Taken {
    /// Why a listener cannot have what it wants; `None` gives it.
    fn take(&mut self, gateway: &NamespacedName, listener: &ListenerDraft) -> Option<Problem> {
        let (socket, family) = (listener.socket(), listener.protocol.family());
        let (name, port) = (&listener.name, listener.port);
        let held = self.families.entry(socket);
        let (holder_family, holder) = held.or_insert_with(|| (family, gateway.clone()));
        if *holder_family != family {
            let message = format!(
                "listener {name}: port {port} is asked for by Gateway {holder} in another protocol, and their class merges its Gateways"
            );
            return Some(Problem::new(reason::PROTOCOL_CONFLICT, message));
        }
        let hostname = listener.hostname.clone();
        let domain = hostname.domain();
        let holder = self
            .names
            .entry((socket, hostname))
            .or_insert_with(|| gateway.clone());
        (holder != gateway).then(|| {
            let message = format!(
                "listener {name}: port {port} with host name {domain} is asked for by Gateway {holder}, and their class merges its Gateways"
            );
            Problem::new(reason::HOSTNAME_CONFLICT, message)
        })
    }
}
