//! Objects of one kind in a snapshot. Copying one is cheap: copies share everything that is the
//! same, and only a kind that changes is copied, by reference to its objects.

use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use crate::NamespacedName;

/// Objects of one kind by name, sorted. Reads like a map of `T`.
pub(crate) struct Objects<T, K = NamespacedName>(Arc<BTreeMap<K, Arc<T>>>);

type Borrowed<'a, K, T> = fn((&'a K, &'a Arc<T>)) -> (&'a K, &'a T);

// === impl Objects ===

impl<T, K: Ord> Objects<T, K> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, name: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        self.0.get(name).map(Arc::as_ref)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(name)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values().map(Arc::as_ref)
    }

    pub(crate) fn iter(
        &self,
    ) -> std::iter::Map<btree_map::Iter<'_, K, Arc<T>>, Borrowed<'_, K, T>> {
        self.0.iter().map(|(name, object)| (name, object.as_ref()))
    }

    /// Objects whose names are in a range, in their order.
    pub(crate) fn range(&self, names: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &T)> {
        let range = self.0.range(names);
        range.map(|(name, object)| (name, object.as_ref()))
    }

    /// As [`Objects::iter`], with what tells one object from another: it is the same one for as long
    /// as nobody has changed it.
    pub(crate) fn shared(&self) -> impl Iterator<Item = (&K, &Arc<T>)> {
        self.0.iter()
    }

    /// Whether these are the very objects of `other`, unchanged.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: PartialEq, K: Ord + Clone> Objects<T, K> {
    /// Puts an object in; whether it differs from what was there.
    pub(crate) fn insert(&mut self, name: K, object: T) -> bool {
        if self.get(&name) == Some(&object) {
            return false;
        }
        Arc::make_mut(&mut self.0).insert(name, Arc::new(object));
        true
    }

    /// Takes an object out; whether there was one.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(name) && Arc::make_mut(&mut self.0).remove(name).is_some()
    }
}

impl<T: Clone, K: Ord + Clone> Objects<T, K> {
    pub(crate) fn get_mut(&mut self, name: &K) -> Option<&mut T> {
        Arc::make_mut(&mut self.0).get_mut(name).map(Arc::make_mut)
    }
}

impl<T, K> Default for Objects<T, K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T, K> Clone for Objects<T, K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq, K: PartialEq> PartialEq for Objects<T, K> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.len() == other.0.len()
                && self
                    .0
                    .iter()
                    .zip(other.0.iter())
                    .all(|(a, b)| a.0 == b.0 && (Arc::ptr_eq(a.1, b.1) || a.1 == b.1)))
    }
}

impl<T: fmt::Debug, K: fmt::Debug> fmt::Debug for Objects<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a, T, K: Ord> IntoIterator for &'a Objects<T, K> {
    type Item = (&'a K, &'a T);
    type IntoIter = std::iter::Map<btree_map::Iter<'a, K, Arc<T>>, Borrowed<'a, K, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Objects;

    fn objects() -> Objects<Vec<u8>, String> {
        let mut objects = Objects::default();
        assert!(objects.insert("a".to_string(), vec![1]));
        assert!(objects.insert("b".to_string(), vec![2]));
        objects
    }

    #[test]
    fn insert_of_an_equal_object_changes_nothing() {
        let mut objects = objects();
        let before = objects.clone();
        assert!(!objects.insert("a".to_string(), vec![1]));
        assert!(Arc::ptr_eq(&objects.0, &before.0));
    }

    #[test]
    fn copy_keeps_what_the_original_changes_and_shares_the_rest() {
        let mut objects = objects();
        let copy = objects.clone();
        assert!(objects.insert("a".to_string(), vec![9]));
        assert_eq!(copy.get("a"), Some(&vec![1]));
        assert_eq!(objects.get("a"), Some(&vec![9]));
        assert!(Arc::ptr_eq(&objects.0["b"], &copy.0["b"]));
        assert_ne!(objects, copy);
    }

    #[test]
    fn remove_says_whether_there_was_an_object() {
        let mut objects = objects();
        assert!(objects.remove("a"));
        assert!(!objects.remove("a"));
        assert_eq!(objects.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn change_in_place_does_not_reach_copies() {
        let mut objects = objects();
        let copy = objects.clone();
        objects.get_mut(&"b".to_string()).expect("b").push(3);
        assert_eq!(copy.get("b"), Some(&vec![2]));
        assert_eq!(objects.get("b"), Some(&vec![2, 3]));
    }
}
