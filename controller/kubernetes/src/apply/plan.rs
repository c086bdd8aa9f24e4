//! What is wanted, what is there, what was done → what to do now. Pure; time is a parameter.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_translate::NamespacedName;

use super::kinds::{FLEET_KINDS, FleetKind};
use super::observed::{Hash, Key, Observed};
use super::{FleetOptions, INSTALLATION_LABEL, INSTANCE_LABEL, WantedFleets};

/// An object is deleted when it was not wanted for so long: what wants it may come back.
const UNWANTED: Duration = Duration::from_secs(5);

/// Shortest and longest wait after a write that failed.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// An object that is wanted, with our labels.
#[derive(Clone, Debug)]
pub(crate) struct WantedObject {
    pub(crate) body: Value,
    pub(crate) fleet: NamespacedName,
    hash: Hash,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Apply an object. With `create`, nothing of ours has this name; somebody else's may.
    Apply {
        key: Key,
        body: Value,
        create: Create,
    },
    /// Delete the object with this uid.
    Delete { key: Key, uid: String },
}

/// Whether an object is known to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Create {
    /// It is there and carries our labels.
    Known,
    /// It must not be there yet.
    New,
}

/// Everything that a decision needs.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    wanted: BTreeMap<Key, WantedObject>,
    keep: std::collections::BTreeSet<NamespacedName>,
    observed: BTreeMap<Key, Observed>,
    /// What was applied, and how the object looked after that.
    applied: BTreeMap<Key, (Hash, Hash)>,
    /// Writes that failed: how often, when to try again, and why.
    failed: BTreeMap<Key, Failed>,
    /// Since when objects are not wanted.
    unwanted: BTreeMap<Key, Instant>,
}

#[derive(Clone, Debug)]
struct Failed {
    times: u32,
    again: Instant,
    message: String,
}

// === impl Plan ===

impl Plan {
    /// Takes what is wanted. What cannot be applied is returned: objects of other kinds, or
    /// without a name.
    pub(crate) fn want(&mut self, wanted: &WantedFleets, options: &FleetOptions) -> Vec<String> {
        let mut unusable = Vec::new();
        self.wanted.clear();
        for object in &wanted.objects {
            match read(object, options) {
                Ok((key, object)) => drop(self.wanted.insert(key, object)),
                Err(message) => unusable.push(message),
            }
        }
        self.keep.clone_from(&wanted.keep);
        let wanted = &self.wanted;
        self.failed.retain(|key, _| wanted.contains_key(key));
        self.applied.retain(|key, _| wanted.contains_key(key));
        unusable
    }

    /// An object is there. Whether it looks different.
    pub(crate) fn see(&mut self, key: Key, observed: Observed) -> bool {
        let before = self.observed.insert(key.clone(), observed);
        before.as_ref() != self.observed.get(&key)
    }

    /// An object is gone.
    pub(crate) fn miss(&mut self, key: &Key) -> bool {
        self.applied.remove(key);
        self.unwanted.remove(key);
        self.observed.remove(key).is_some()
    }

    /// Objects of the kind, in the namespace if one is named, that are not in `seen` are gone.
    pub(crate) fn complete(
        &mut self,
        kind: usize,
        namespace: Option<&str>,
        seen: &std::collections::BTreeSet<Key>,
    ) -> bool {
        let in_scope = |key: &Key| {
            key.kind == kind && namespace.is_none_or(|namespace| key.namespace == namespace)
        };
        let keys = self
            .observed
            .keys()
            .filter(|key| in_scope(key) && !seen.contains(key));
        let gone: Vec<Key> = keys.cloned().collect();
        gone.iter()
            .fold(false, |changed, key| self.miss(key) | changed)
    }

    /// What to do at `now`, in order; objects of the first phase only, as long as there are any.
    pub(crate) fn actions(&mut self, now: Instant) -> Vec<Action> {
        let mut actions: Vec<Action> = Vec::new();
        for (key, wanted) in &self.wanted {
            if let Some(action) = self.apply(key, wanted, now) {
                actions.push(action);
            }
        }
        let phase = |action: &Action| match action {
            Action::Apply { key, .. } | Action::Delete { key, .. } => {
                FLEET_KINDS.get(key.kind).map_or(0, |kind| kind.phase)
            }
        };
        // Within a fleet: its later objects wait for its earlier ones.
        let fleet = |action: &Action| match action {
            Action::Apply { key, .. } => self.wanted.get(key).map(|it| it.fleet.clone()),
            Action::Delete { .. } => None,
        };
        let early: Vec<_> = actions
            .iter()
            .filter(|it| phase(it) == 0)
            .map(fleet)
            .collect();
        let is_due = |action: &Action| phase(action) == 0 || !early.contains(&fleet(action));
        let mut actions: Vec<Action> = actions.iter().filter(|it| is_due(it)).cloned().collect();
        actions.extend(self.deletions(now));
        actions
    }

    fn apply(&self, key: &Key, wanted: &WantedObject, now: Instant) -> Option<Action> {
        if self
            .failed
            .get(key)
            .is_some_and(|failed| failed.again > now)
        {
            return None;
        }
        let observed = self.observed.get(key);
        // What goes away comes back only after it is gone.
        if observed.is_some_and(|it| it.is_going) {
            return None;
        }
        let applied = self.applied.get(key);
        let as_applied = match (applied, observed) {
            (Some((hash, content)), Some(observed)) => {
                *hash == wanted.hash && *content == observed.content
            }
            // Applied, and not seen yet.
            (Some((hash, _)), None) => *hash == wanted.hash,
            (None, _) => false,
        };
        (!as_applied).then(|| Action::Apply {
            key: key.clone(),
            body: wanted.body.clone(),
            create: if observed.is_some() || applied.is_some() {
                Create::Known
            } else {
                Create::New
            },
        })
    }

    fn deletions(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        for (key, observed) in &self.observed {
            let is_wanted = self.wanted.contains_key(key) || self.keep.contains(&observed.fleet);
            if is_wanted || observed.is_going {
                self.unwanted.remove(key);
                continue;
            }
            let since = *self.unwanted.entry(key.clone()).or_insert(now);
            let waits = self
                .failed
                .get(key)
                .is_some_and(|failed| failed.again > now);
            if now.saturating_duration_since(since) >= UNWANTED && !waits {
                actions.push(Action::Delete {
                    key: key.clone(),
                    uid: observed.uid.clone(),
                });
            }
        }
        actions
    }

    /// An object was applied, and looks like this now. A watch may have told of it before.
    pub(crate) fn applied(&mut self, key: &Key, after: Observed) {
        self.failed.remove(key);
        if let Some(wanted) = self.wanted.get(key) {
            self.applied
                .insert(key.clone(), (wanted.hash, after.content));
        }
        self.observed.insert(key.clone(), after);
    }

    /// Deletion was accepted.
    pub(crate) fn deleted(&mut self, key: &Key) {
        self.failed.remove(key);
        if let Some(observed) = self.observed.get_mut(key) {
            observed.is_going = true;
        }
    }

    /// A write failed. Whether it is the first failure of its kind.
    pub(crate) fn fail(&mut self, key: &Key, message: String, now: Instant) -> bool {
        let before = self.failed.get(key);
        let times = before.map_or(0, |failed| failed.times);
        let is_new = before.is_none_or(|failed| failed.message != message);
        let wait = RETRY_MIN.saturating_mul(2_u32.saturating_pow(times.min(16)));
        let failed = Failed {
            times: times.saturating_add(1),
            again: now + wait.min(RETRY_MAX),
            message,
        };
        self.failed.insert(key.clone(), failed);
        is_new
    }

    /// This replica has begun to lead: what was applied before, by whomever, is applied again.
    pub(crate) fn forget_applied(&mut self) {
        self.applied.clear();
        self.failed.clear();
        self.unwanted.clear();
    }

    /// When there may be something to do though nothing happens.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let retries = self.failed.values().map(|failed| failed.again);
        let deletions = self
            .unwanted
            .iter()
            .filter(|(key, _)| !self.failed.contains_key(key));
        let deletions = deletions.map(|(_, since)| *since + UNWANTED);
        retries.chain(deletions).min()
    }

    /// Objects that are there.
    pub(crate) fn observed(&self) -> impl Iterator<Item = (&Key, &Observed)> {
        self.observed.iter()
    }

    /// Why writes failed, by fleet.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&NamespacedName, &str)> {
        self.failed.iter().filter_map(|(key, failed)| {
            let fleet = self.wanted.get(key).map(|it| &it.fleet);
            let fleet = fleet.or_else(|| self.observed.get(key).map(|it| &it.fleet))?;
            Some((fleet, failed.message.as_str()))
        })
    }

    /// Every fleet of which something is wanted.
    pub(crate) fn fleets(&self) -> impl Iterator<Item = &NamespacedName> {
        self.wanted.values().map(|it| &it.fleet)
    }
}

fn read(object: &Value, options: &FleetOptions) -> Result<(Key, WantedObject), String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let title = || {
        let kind = text("/kind").unwrap_or_default();
        let name = text("/metadata/name").unwrap_or_default();
        format!("{kind} {name}")
    };
    let kind = FleetKind::of(object)
        .ok_or_else(|| format!("{}: its kind is none that fleets are made of", title()))?;
    let namespace = text("/metadata/namespace");
    let named = namespace.zip(text("/metadata/name"));
    let (namespace, name) = named
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
        .ok_or_else(|| {
            format!(
                "{}: metadata.namespace and metadata.name are required",
                title()
            )
        })?;
    let instance = object["metadata"]["labels"][INSTANCE_LABEL].as_str();
    let instance =
        instance.ok_or_else(|| format!("{}: label {INSTANCE_LABEL} is required", title()))?;
    let mut body = object.clone();
    body["metadata"]["labels"][INSTALLATION_LABEL] = options.installation.as_str().into();
    let key = Key {
        kind,
        namespace: namespace.to_string(),
        name: name.to_string(),
    };
    let object = WantedObject {
        fleet: NamespacedName::new(namespace, instance),
        hash: Hash::of(&body),
        body,
    };
    Ok((key, object))
}

#[cfg(test)]
mod tests;
