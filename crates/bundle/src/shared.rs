//! A value that many configurations have in common: what a change leaves as it was is neither
//! copied nor compared.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads like the value. A copy shares it; whoever changes a copy has one of its own from then on.
/// Two that share are equal at once.
pub struct Shared<T>(Arc<T>);

// === impl Shared ===

impl<T> Shared<T> {
    /// Makes it one that can be shared.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// Makes each of these one.
    pub fn list(values: impl IntoIterator<Item = T>) -> Vec<Self> {
        values.into_iter().map(Self::new).collect()
    }

    /// Whether both are one and the same value, and not only equal.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its place in memory: no other value is there for as long as this one is kept.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The same, for those who know nothing of this type.
    pub fn to_arc(&self) -> Arc<T> {
        Arc::clone(&self.0)
    }
}

impl<T: Clone> Shared<T> {
    /// The value, copied where it is shared.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T: PartialEq> Shared<T> {
    /// Shares `other` where that is equal; whether it does now.
    pub fn adopt(&mut self, other: &Self) -> bool {
        let equal = self == other;
        if equal {
            self.0 = Arc::clone(&other.0);
        }
        equal
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || *self.0 == *other.0
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T: Ord> Ord for Shared<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.is_same(other) {
            true => Ordering::Equal,
            false => (*self.0).cmp(&other.0),
        }
    }
}

impl<T: Ord> PartialOrd for Shared<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Borrow<T> for Shared<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// As the value: names that are made of it do not depend on who shares it.
impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;

    #[test]
    fn copy_shares_until_either_changes() {
        let first = Shared::new(vec![1]);
        let mut second = first.clone();
        assert!(second.is_same(&first));
        second.push(2);
        assert_eq!((&*first, &*second), (&vec![1], &vec![1, 2]));
        assert_ne!(first, second);
    }

    #[test]
    fn equal_value_is_adopted_and_another_is_not() {
        let (first, mut equal, mut other) = (Shared::new(1), Shared::new(1), Shared::new(2));
        assert!(!equal.is_same(&first) && equal.adopt(&first) && equal.is_same(&first));
        assert!(!other.adopt(&first) && *other == 2);
    }

    #[test]
    fn prints_as_its_value() {
        assert_eq!(format!("{:?}", Shared::new("a")), format!("{:?}", "a"));
    }
}
