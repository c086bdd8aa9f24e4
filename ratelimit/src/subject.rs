//! Who pays: the values of a descriptor as the subject of an account, without ambiguity.

use std::{fmt::Write, sync::Arc};

use sha2::{Digest, Sha256};

use crate::bounds::VALUE_BYTES_MAX;

/// Stands between values; a backslash goes before one that belongs to a value.
const SEPARATOR: char = '|';
/// Begins the name of a value that is not shown as it is.
const DIGEST: &str = "sha256:";

/// The subject that these values are: `alice`, `alice|eu`. Lists of the same length that differ
/// give different subjects. A value that is too long, not plain text, or looks like a digest is
/// named by its digest.
pub(crate) fn subject<'a>(values: impl Iterator<Item = &'a [u8]>) -> Arc<str> {
    let mut text = String::with_capacity(32);
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(SEPARATOR);
        }
        match plain(value) {
            Some(value) => push_escaped(&mut text, value),
            None => push_digest(&mut text, value),
        }
    }
    Arc::from(text)
}

fn plain(value: &[u8]) -> Option<&str> {
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    let plain = !text.contains(char::is_control) && !text.starts_with(DIGEST);
    plain.then_some(text)
}

fn push_escaped(text: &mut String, value: &str) {
    if !value.contains([SEPARATOR, '\\']) {
        return text.push_str(value);
    }
    for character in value.chars() {
        if matches!(character, SEPARATOR | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
}

fn push_digest(text: &mut String, value: &[u8]) {
    text.push_str(DIGEST);
    for byte in Sha256::digest(value) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DIGEST, subject};
    use crate::bounds::VALUE_BYTES_MAX;

    fn of(values: &[&[u8]]) -> String {
        subject(values.iter().copied()).to_string()
    }

    #[test]
    fn plain_values_are_shown_as_they_are() {
        assert_eq!(of(&[b"alice"]), "alice");
        assert_eq!(of(&[b"alice", b"eu", b""]), "alice|eu|");
        assert_eq!(of(&[b"a|b\\", b"c"]), "a\\|b\\\\|c");
    }

    #[test]
    fn long_binary_and_digest_like_values_are_named_by_their_digest() {
        let long = vec![b'x'; VALUE_BYTES_MAX + 1];
        let digests = [
            of(&[&long]),
            of(&[b"\xff\xfe"]),
            of(&[b"a\nb"]),
            of(&[b"sha256:00"]),
        ];
        for digest in &digests {
            assert!(digest.starts_with(DIGEST), "{digest}");
            assert_eq!(digest.len(), DIGEST.len() + 64, "{digest}");
        }
        assert_eq!(of(&[&long[1..]]).len(), VALUE_BYTES_MAX);
        // A client that knows the digest of another's value does not become that other.
        assert_ne!(of(&[digests[0].as_bytes()]), digests[0]);
    }

    proptest! {
        #[test]
        fn different_values_never_share_a_subject(
            left in prop::collection::vec("[a|\\\\:]{0,4}", 3),
            right in prop::collection::vec("[a|\\\\:]{0,4}", 3),
        ) {
            let bytes = |values: &[String]| {
                subject(values.iter().map(|value| value.as_bytes())).to_string()
            };
            prop_assert_eq!(bytes(&left) == bytes(&right), left == right);
        }
    }
}
