//! Names of fleets: `<gateway>-<class>` (GEP-1762), fit to be the name of a Service and a label.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// RFC 1035: what the name of a Service may be, and the value of a label.
const CHARS_MAX: usize = 63;
/// Hexadecimal digits of a hash.
const HASH_CHARS: usize = 8;

/// Names that have been given, by namespace.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<(String, String)>);

// === impl Names ===

impl Names {
    /// A name for the fleet with this key. Whoever comes first gets the plain one: `a-b` with
    /// class `c` and `a` with class `b-c` would be one.
    pub(super) fn give(&mut self, namespace: &str, wished: &str, key: &str) -> String {
        let plain = sanitised(wished);
        let is_plain = plain == wished && plain.len() <= CHARS_MAX;
        let name = match is_plain && !self.has(namespace, &plain) {
            true => plain,
            false => hashed(&plain, key),
        };
        self.0.insert((namespace.to_string(), name.clone()));
        name
    }

    fn has(&self, namespace: &str, name: &str) -> bool {
        self.0.contains(&(namespace.to_string(), name.to_string()))
    }
}

/// The beginning of a name, and a hash of the key.
pub(super) fn hashed(name: &str, key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let hash: String = digest
        .iter()
        .take(HASH_CHARS / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let head: String = name.chars().take(CHARS_MAX - HASH_CHARS - 1).collect();
    format!("{}-{hash}", head.trim_end_matches('-'))
}

/// Names of objects may begin with a digit and have dots; those of Services may not.
fn sanitised(name: &str) -> String {
    let name = name.replace('.', "-");
    match name.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => name,
        false => format!("gw-{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn name_of_a_fleet_is_what_was_wished_where_a_service_may_have_it() {
        assert_eq!(
            Names::default().give("ns", "eg-tollgate", "ns/eg"),
            "eg-tollgate"
        );
    }

    #[test]
    fn name_that_no_service_may_have_gets_a_hash() {
        let mut names = Names::default();
        for wished in [
            "1-a",
            "a.b-c",
            &"x".repeat(64),
            &format!("{}-y", "x".repeat(54)),
        ] {
            let name = names.give("ns", wished, &format!("ns/{wished}"));
            assert!(name.len() <= 63, "{name}");
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
            assert!(!name.contains('.') && !name.contains("--"), "{name}");
        }
    }

    #[test]
    fn second_fleet_of_one_name_gets_a_hash_of_its_key() {
        let mut names = Names::default();
        let first = names.give("ns", "a-b-c", "ns/a-b");
        let second = names.give("ns", "a-b-c", "ns/a");
        assert_eq!(first, "a-b-c");
        assert!(second.starts_with("a-b-c-"), "{second}");
        assert_eq!(names.give("other", "a-b-c", "other/a"), "a-b-c");
    }

    #[test]
    fn name_of_a_fleet_depends_on_its_key_alone_where_it_is_long() {
        let long = "x".repeat(100);
        let name = |key: &str| Names::default().give("ns", &long, key);
        assert_eq!(name("ns/a"), name("ns/a"));
        assert_ne!(name("ns/a"), name("ns/b"));
    }
}
