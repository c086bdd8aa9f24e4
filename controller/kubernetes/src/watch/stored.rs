//! What the API server holds of objects that statuses are written to, and which of them a writer
//! should look at again. Kept by the watch, read by the status writer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;
use tollgate_translate::ObjectRef;

/// An object, as far as the writer of its status must know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stored {
    /// API version that it is watched in.
    pub(crate) version: String,
    /// `metadata.uid`.
    pub(crate) uid: String,
    /// `metadata.resourceVersion`.
    pub(crate) resource_version: String,
    /// Its status; `null` without one.
    pub(crate) status: Value,
}

/// All such objects.
#[derive(Debug, Default)]
pub(crate) struct StoredObjects {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<ObjectRef, Stored>,
    touched: BTreeSet<ObjectRef>,
}

// === impl StoredObjects ===

impl StoredObjects {
    /// Notes what is stored. The object is looked at again if its status is another, or it is.
    pub(crate) fn put(&self, object: &ObjectRef, stored: Stored) {
        let mut inner = self.lock();
        let before = inner.objects.get(object);
        let same =
            before.is_some_and(|before| before.status == stored.status && before.uid == stored.uid);
        inner.objects.insert(object.clone(), stored);
        if !same {
            inner.touched.insert(object.clone());
            self.changed.notify_one();
        }
    }

    /// Forgets an object that is gone.
    pub(crate) fn remove(&self, object: &ObjectRef) {
        let mut inner = self.lock();
        inner.objects.remove(object);
        inner.touched.remove(object);
    }

    /// What is stored of an object; `None` if it is gone.
    pub(crate) fn get(&self, object: &ObjectRef) -> Option<Stored> {
        self.lock().objects.get(object).cloned()
    }

    /// Every object for which `wanted` holds.
    pub(crate) fn find(&self, wanted: impl Fn(&ObjectRef, &Stored) -> bool) -> Vec<ObjectRef> {
        let inner = self.lock();
        let found = inner
            .objects
            .iter()
            .filter(|(name, stored)| wanted(name, stored));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Takes the objects that should be looked at again; waits until there is one.
    pub(crate) async fn touched(&self) -> BTreeSet<ObjectRef> {
        loop {
            let touched = std::mem::take(&mut self.lock().touched);
            if !touched.is_empty() {
                return touched;
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(text: &str) -> ObjectRef {
        ObjectRef {
            group: String::new(),
            kind: "Gateway".to_string(),
            namespace: Some("a".to_string()),
            name: text.to_string(),
        }
    }

    fn stored(version: &str, status: Value) -> Stored {
        Stored {
            resource_version: version.to_string(),
            status,
            ..Stored::default()
        }
    }

    #[tokio::test]
    async fn object_is_looked_at_again_only_when_its_status_changes() {
        let objects = StoredObjects::default();
        objects.put(&name("g"), stored("1", json!(null)));
        assert_eq!(objects.touched().await, BTreeSet::from([name("g")]));
        objects.put(&name("g"), stored("2", json!(null)));
        objects.put(&name("h"), stored("1", json!(null)));
        assert_eq!(objects.touched().await, BTreeSet::from([name("h")]));
        objects.put(&name("g"), stored("3", json!({"conditions": []})));
        assert_eq!(objects.touched().await, BTreeSet::from([name("g")]));
        assert_eq!(objects.get(&name("g")).expect("g").resource_version, "3");
    }

    #[tokio::test]
    async fn object_that_is_gone_is_not_looked_at() {
        let objects = StoredObjects::default();
        objects.put(&name("g"), stored("1", json!(null)));
        objects.put(&name("h"), stored("1", json!(null)));
        objects.remove(&name("g"));
        assert_eq!(objects.touched().await, BTreeSet::from([name("h")]));
        assert_eq!(objects.get(&name("g")), None);
    }
}
