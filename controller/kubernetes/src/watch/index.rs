//! What is known of the cluster, and the snapshot that comes of it. Pure; one task owns it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tollgate_crds::Object;
use tollgate_translate::{ObjectRef, World};

use super::broken::BrokenObject;
use super::read::{Content, Item};
use super::stored::StoredObjects;
use super::{Scope, Snapshot, WatchId};
use crate::status;

/// The objects.
#[derive(Debug)]
pub(crate) struct Index {
    scope: Scope,
    world: World,
    broken: BTreeMap<ObjectRef, BrokenObject>,
    /// Every object, of whatever namespace; only where a selector may take it in later.
    kept: BTreeMap<ObjectRef, Item>,
    /// Labels of Namespaces; only where a selector asks for them.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    /// Names of what each watch has brought.
    names: BTreeMap<WatchId, BTreeSet<ObjectRef>>,
    /// Watches that must be complete before the first snapshot; `None` until they are known.
    expected: Option<BTreeSet<WatchId>>,
    listed: BTreeSet<WatchId>,
    stored: Arc<StoredObjects>,
}

// === impl Index ===

impl Index {
    pub(crate) fn new(scope: Scope, stored: Arc<StoredObjects>) -> Self {
        Self {
            scope,
            world: World::default(),
            broken: BTreeMap::new(),
            kept: BTreeMap::new(),
            labels: BTreeMap::new(),
            names: BTreeMap::new(),
            expected: None,
            listed: BTreeSet::new(),
            stored,
        }
    }

    /// Takes an object in, new or changed; whether the snapshot is another now.
    pub(crate) fn apply(&mut self, watch: &WatchId, item: Item) -> bool {
        let names = self.names.entry(watch.clone()).or_default();
        names.insert(item.object.clone());
        if !self.scope.needs_labels() {
            return self.apply_selected(item);
        }
        let labels = match &item.content {
            Content::Usable(object) => match &**object {
                Object::Namespace(it) => Some(it.metadata.labels.clone().unwrap_or_default()),
                _ => None,
            },
            Content::Broken(_) => None,
        };
        let relabelled = match labels {
            Some(labels) => self.relabel(&item.object.name, Some(labels)),
            None => false,
        };
        self.kept.insert(item.object.clone(), item.clone());
        self.apply_selected(item) | relabelled
    }

    /// Forgets an object; whether the snapshot is another now.
    pub(crate) fn remove(&mut self, watch: &WatchId, name: &ObjectRef) -> bool {
        if let Some(names) = self.names.get_mut(watch) {
            names.remove(name);
        }
        self.forget(name)
    }

    /// A watch has brought everything that there is: what else it brought before is gone.
    pub(crate) fn complete(&mut self, watch: &WatchId, seen: &BTreeSet<ObjectRef>) -> bool {
        self.listed.insert(watch.clone());
        let names = self.names.entry(watch.clone()).or_default();
        let gone: Vec<ObjectRef> = names.difference(seen).cloned().collect();
        names.retain(|name| seen.contains(name));
        let mut changed = false;
        for name in &gone {
            changed |= self.forget(name);
        }
        changed
    }

    /// A watch has ended because its kind is not served any more.
    pub(crate) fn end(&mut self, watch: &WatchId) -> bool {
        let changed = self.complete(watch, &BTreeSet::new());
        self.names.remove(watch);
        self.listed.remove(watch);
        changed
    }

    /// Which watches there are. Those of the first time are waited for.
    pub(crate) fn expect(&mut self, watches: BTreeSet<WatchId>) {
        match &mut self.expected {
            Some(expected) => expected.retain(|watch| watches.contains(watch)),
            None => self.expected = Some(watches),
        }
    }

    /// The watches that the first snapshot waits for; `None`: it is not known yet which there are.
    pub(crate) fn waiting_for(&self) -> Option<Vec<&WatchId>> {
        let expected = self.expected.as_ref()?;
        Some(expected.difference(&self.listed).collect())
    }

    /// How many objects a watch has brought.
    pub(crate) fn count(&self, watch: &WatchId) -> usize {
        self.names.get(watch).map_or(0, BTreeSet::len)
    }

    /// The snapshot as it is now. Cheap: it shares all objects.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut world = self.world.clone();
        for broken in self.broken.values() {
            if let Some(budget) = broken.budget() {
                world.insert_broken_budget(budget);
            }
            if let Some(namespace) = broken.guarded_namespace() {
                world.insert_broken_consumer(namespace);
            }
        }
        Snapshot {
            world: Arc::new(world),
            broken: Arc::new(self.broken.values().cloned().collect()),
        }
    }

    fn apply_selected(&mut self, item: Item) -> bool {
        let Item {
            object: name,
            stored,
            content,
        } = item;
        if !self.selects(&name) {
            return self.take_out(&name);
        }
        if status::is_written(&name) {
            self.stored.put(&name, stored);
        }
        match content {
            Content::Usable(object) => {
                let was_broken = self.broken.remove(&name).is_some();
                self.world.replace(*object) | was_broken
            }
            Content::Broken(broken) => {
                let was_usable = self.world.remove(&name);
                let before = self.broken.insert(name, broken.clone());
                was_usable || before.as_ref() != Some(&broken)
            }
        }
    }

    /// A Namespace has these labels now, or is gone: objects come in or go out with it.
    fn relabel(&mut self, namespace: &str, labels: Option<BTreeMap<String, String>>) -> bool {
        let before = self.scope.contains(namespace, self.labels.get(namespace));
        match labels {
            Some(labels) => drop(self.labels.insert(namespace.to_string(), labels)),
            None => drop(self.labels.remove(namespace)),
        }
        let after = self.scope.contains(namespace, self.labels.get(namespace));
        if before == after {
            return false;
        }
        let of_namespace = |name: &ObjectRef| name.namespace.as_deref() == Some(namespace);
        let kept = self.kept.iter().filter(|(name, _)| of_namespace(name));
        let kept: Vec<Item> = kept.map(|(_, item)| item.clone()).collect();
        let mut changed = false;
        for item in kept {
            changed |= self.apply_selected(item);
        }
        changed
    }

    fn forget(&mut self, name: &ObjectRef) -> bool {
        self.kept.remove(name);
        let is_namespace = name.group.is_empty() && name.kind == "Namespace";
        let relabelled =
            is_namespace && self.scope.needs_labels() && self.relabel(&name.name, None);
        relabelled | self.take_out(name)
    }

    fn take_out(&mut self, name: &ObjectRef) -> bool {
        self.stored.remove(name);
        let was_broken = self.broken.remove(name).is_some();
        self.world.remove(name) | was_broken
    }

    /// Whether the object is one to read: a Namespace is in itself.
    fn selects(&self, name: &ObjectRef) -> bool {
        let namespace = match &name.namespace {
            Some(namespace) => namespace,
            None if name.group.is_empty() && name.kind == "Namespace" => &name.name,
            None => return true,
        };
        self.scope.contains(namespace, self.labels.get(namespace))
    }
}

#[cfg(test)]
mod tests;
