//! The version of a gateway: a hash of its content, the same at every controller.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::piece::Key;

/// Names the content of a gateway with its settings; printed as 16 hexadecimal digits. Equal
/// content has equal versions, whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

/// The hash of one piece.
pub(crate) type PieceDigest = [u8; 16];

/// Why a text is no version.
#[derive(Debug, thiserror::Error)]
#[error("a version is 16 lower-case hexadecimal digits")]
pub struct VersionError;

/// Takes pieces in the order of the walk, so that their order counts.
#[derive(Default)]
pub(crate) struct VersionHash(Sha256);

// === impl VersionHash ===

impl VersionHash {
    /// The next piece.
    pub(crate) fn add(&mut self, key: &Key<'_>, digest: &PieceDigest) {
        self.0.update((key.kind as u32).to_le_bytes());
        for text in [&key.scope, &key.name] {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text.as_bytes());
        }
        self.0.update(digest);
    }

    /// Of all pieces taken.
    pub(crate) fn version(self) -> Version {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = self.0.finalize().into();
        Version(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// The hash of a piece as it is written on the wire.
pub(crate) fn piece_digest(json: &[u8]) -> PieceDigest {
    let whole: [u8; 32] = Sha256::digest(json).into();
    let mut digest = PieceDigest::default();
    digest.copy_from_slice(&whole[..16]);
    digest
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 16 || !digits {
            return Err(VersionError);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| VersionError)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_version_is_read_as_it_is_printed_and_in_no_other_form() {
        let version = Version(0x00ab_cdef_0123_4567);
        assert_eq!(version.to_string(), "00abcdef01234567");
        assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
        for text in [
            "",
            "0",
            "00ABCDEF01234567",
            "+0abcdef01234567",
            "00abcdef012345678",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
