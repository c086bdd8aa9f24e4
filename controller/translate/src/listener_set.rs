//! ListenerSet: listeners that somebody else adds to a Gateway that lets them.
//!
//! They stand behind the Gateway's own in its draft; routes name the set as their parent.

mod convert;
mod follow;
mod status;

use std::collections::BTreeMap;
use std::ops::Range;

pub(crate) use follow::follow;
pub(crate) use status::{report, report_lost};

use crate::gateway::{AllowedRoutes, GatewayDraft, Owner, Refusal, draft_listener};
use crate::sort::by_age;
use crate::status::{ObjectRef, Problem, reason};
use crate::{NamespacedName, World, groups, k8s, world};

/// Group and kind, as references and grants name it.
pub(crate) const KIND: (&str, &str) = (groups::GATEWAY_API, "ListenerSet");

/// A ListenerSet of a Gateway that is ours; its listeners stand in the Gateway's draft.
#[derive(Debug)]
pub(crate) struct ListenerSetDraft {
    pub(crate) name: NamespacedName,
    pub(crate) object: ObjectRef,
    pub(crate) generation: Option<i64>,
    /// Places of its listeners in [`GatewayDraft::listeners`].
    pub(crate) listeners: Range<usize>,
    /// Why none of its listeners is served; `None` leaves it to each of them.
    pub(crate) refusal: Option<Problem>,
}

/// All ListenerSets by the Gateway that they name, oldest first.
#[derive(Debug)]
pub(crate) struct ListenerSets<'a>(BTreeMap<NamespacedName, Vec<&'a k8s::ListenerSet>>);

/// The Gateway that a set names; `None` where it names something else.
pub(crate) fn parent(set: &k8s::ListenerSet) -> Option<NamespacedName> {
    let k8s::listener_set::ListenerSetParentRef {
        group,
        kind,
        name,
        namespace,
    } = &set.spec.parent_ref;
    let is_gateway = group.as_deref().unwrap_or(groups::GATEWAY_API) == groups::GATEWAY_API
        && kind.as_deref().unwrap_or("Gateway") == "Gateway";
    let own = world::key(&set.metadata).namespace;
    is_gateway.then(|| NamespacedName::new(namespace.clone().unwrap_or(own), name))
}

// === impl ListenerSets ===

impl<'a> ListenerSets<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let mut sets: BTreeMap<NamespacedName, Vec<&k8s::ListenerSet>> = BTreeMap::new();
        for set in by_age(world.listener_sets.values(), |set| &set.metadata) {
            if let Some(gateway) = parent(set) {
                sets.entry(gateway).or_default().push(set);
            }
        }
        Self(sets)
    }

    /// Puts the listeners of its sets behind a Gateway's own.
    pub(crate) fn attach(&self, world: &World, gateway: &k8s::Gateway, draft: &mut GatewayDraft) {
        let allowed = allowed(
            gateway.spec.allowed_listeners.as_ref(),
            &draft.name.namespace,
        );
        for set in self.0.get(&draft.name).into_iter().flatten() {
            let name = world::key(&set.metadata);
            let allows = allowed
                .as_ref()
                .is_some_and(|allowed| allowed.allows(world, &name.namespace));
            let refusal = (!allows).then(|| {
                let message = format!(
                    "Gateway {} takes no ListenerSet of namespace {} (its spec.allowedListeners)",
                    draft.name, name.namespace
                );
                Problem::new(reason::NOT_ALLOWED, message)
            });
            let start = draft.listeners.len();
            if allows {
                let owner = Owner {
                    kind: KIND,
                    name: &name,
                    set: Some(draft.listener_sets.len()),
                };
                for listener in &set.spec.listeners {
                    let listener = convert::listener(listener);
                    let (listener, ignored) = draft_listener(world, owner, &listener);
                    draft.ignored.extend(ignored);
                    draft.listeners.push(listener);
                }
            }
            draft.listener_sets.push(ListenerSetDraft {
                object: ObjectRef::namespaced(KIND.0, KIND.1, &name),
                generation: set.metadata.generation,
                listeners: start..draft.listeners.len(),
                refusal,
                name,
            });
        }
    }
}

/// Namespaces whose sets a Gateway takes; nothing written is none.
fn allowed(
    written: Option<&k8s::GatewayAllowedListeners>,
    gateway_namespace: &str,
) -> Option<AllowedRoutes> {
    let namespaces = written?.namespaces.as_ref()?;
    match namespaces.from.as_ref()? {
        k8s::AllowedListenersFrom::All => Some(AllowedRoutes::All),
        k8s::AllowedListenersFrom::Same => Some(AllowedRoutes::Same(gateway_namespace.to_string())),
        k8s::AllowedListenersFrom::Selector => {
            let selector = namespaces.selector.as_ref()?;
            Some(AllowedRoutes::Selector(convert::allowed_selector(selector)))
        }
        k8s::AllowedListenersFrom::None => None,
    }
}

// === impl GatewayDraft ===

impl GatewayDraft {
    /// Refuses the sets of a Gateway that is not accepted itself.
    pub(crate) fn refuse_orphans(&mut self) {
        if self.is_accepted() {
            return;
        }
        let message = format!("Gateway {} is not accepted", self.name);
        let problem = Problem::new(reason::PARENT_NOT_ACCEPTED, message);
        for set in &mut self.listener_sets {
            set.refusal.get_or_insert_with(|| problem.clone());
        }
        for listener in self.listeners.iter_mut().filter(|it| it.set.is_some()) {
            listener.refusal = Some(Refusal::Invalid(problem.clone()));
        }
    }
}
