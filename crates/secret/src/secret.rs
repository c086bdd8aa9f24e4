//! [`Secret`], and the two ways by which its value leaves: [`Secret::expose`] and [`exposed`].

use std::cell::Cell;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in the place of every secret that somebody prints.
const REDACTED: &str = "*****";

/// A value that prints as `*****`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret<T>(T);

thread_local! {
    static EXPOSED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `serialize` with the values of secrets in place of `*****`: for an authenticated wire
/// between our own processes, and nothing else. Holds for this thread while it runs.
pub fn exposed<R>(serialize: impl FnOnce() -> R) -> R {
    /// Goes back even if `serialize` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            EXPOSED.set(self.0);
        }
    }
    let _restore = Restore(EXPOSED.replace(true));
    serialize()
}

// === impl Secret ===

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for a wire or a comparison, never for a log, an error or a status.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Serialize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if EXPOSED.get() {
            return self.0.serialize(serializer);
        }
        serializer.serialize_str(REDACTED)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, exposed};

    #[test]
    fn a_secret_prints_nothing_of_its_value() {
        let secret = Secret::new("sk-live-1".to_string());
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?}"),
            "***** ***** *****"
        );
        assert_eq!(secret.expose(), "sk-live-1");
    }

    #[test]
    fn a_secret_serialises_as_stars_but_for_a_wire() {
        let secret = Secret::new("sk-live-1".to_string());
        let json = || serde_json::to_string(&secret).unwrap();
        assert_eq!(json(), "\"*****\"");
        assert_eq!(exposed(json), "\"sk-live-1\"");
        let panicked = std::panic::catch_unwind(|| exposed(|| panic!("mid-way")));
        assert!(panicked.is_err());
        assert_eq!(json(), "\"*****\"");
    }
}
