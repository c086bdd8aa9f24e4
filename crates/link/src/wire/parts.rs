//! Updates in parts, so that no message is long.

use prost::{Message, bytes::Bytes};

use super::Part;
use crate::Update;

/// Longest part.
const PART_BYTES_MAX: usize = 1024 * 1024;

/// Longest update: beyond what etcd holds for a cluster by default (8 GiB holds them all, one
/// gateway's share is far below this).
const UPDATE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why parts make no update.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartsError {
    #[error(
        "an update of {bytes} bytes is longer than the {} allowed",
        UPDATE_BYTES_MAX
    )]
    TooLong { bytes: usize },
    #[error("an update cannot be read: {0}")]
    Unreadable(#[from] prost::DecodeError),
}

/// An update as bytes.
pub(crate) fn encode(update: &Update) -> Result<Bytes, PartsError> {
    let bytes = update.encoded_len();
    if bytes > UPDATE_BYTES_MAX {
        return Err(PartsError::TooLong { bytes });
    }
    Ok(update.encode_to_vec().into())
}

/// The parts of an encoded update, without copying it.
pub(crate) fn split(mut encoded: Bytes) -> impl Iterator<Item = Part> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let data = encoded.split_to(encoded.len().min(PART_BYTES_MAX));
        ended = encoded.is_empty();
        Some(Part { data, last: ended })
    })
}

/// Collects parts until an update is complete.
#[derive(Default)]
pub(crate) struct Joiner(Vec<u8>);

// === impl Joiner ===

impl Joiner {
    /// Takes a part; an update, if it is the last one.
    pub(crate) fn push(&mut self, part: Part) -> Result<Option<Update>, PartsError> {
        let Part { data, last } = part;
        let bytes = self.0.len() + data.len();
        if bytes > UPDATE_BYTES_MAX {
            return Err(PartsError::TooLong { bytes });
        }
        if last && self.0.is_empty() {
            return Ok(Some(Update::decode(data)?));
        }
        self.0.extend_from_slice(&data);
        if !last {
            return Ok(None);
        }
        // `Bytes`, so that the pieces of the update share the one buffer.
        let whole = Bytes::from(std::mem::take(&mut self.0));
        Ok(Some(Update::decode(whole)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Joiner, PART_BYTES_MAX, Part, encode, split};
    use crate::{
        Update,
        piece::Kind,
        update::{RemovedPiece, SetPiece},
    };

    fn update(bytes: usize) -> Update {
        Update {
            version: "00abcdef01234567".into(),
            base: String::new(),
            set: vec![SetPiece {
                kind: Kind::Route as i32,
                scope: "host".into(),
                name: "route".into(),
                json: vec![b'x'; bytes].into(),
            }],
            remove: vec![RemovedPiece {
                kind: Kind::Route as i32,
                scope: "host".into(),
                name: "other".into(),
            }],
            order: Vec::new(),
        }
    }

    #[test]
    fn a_long_update_passes_in_parts_of_a_mebibyte() {
        for bytes in [0, 10, PART_BYTES_MAX, 5 * PART_BYTES_MAX + 7] {
            let update = update(bytes);
            let parts: Vec<Part> = split(encode(&update).unwrap()).collect();
            assert!(parts.iter().all(|it| it.data.len() <= PART_BYTES_MAX));
            let mut joiner = Joiner::default();
            let mut joined = None;
            for part in parts {
                assert!(joined.is_none());
                joined = joiner.push(part).unwrap();
            }
            assert_eq!(joined, Some(update));
        }
    }

    #[test]
    fn content_is_not_in_what_is_printed() {
        let mut update = update(0);
        update.set[0].json = b"sk-live-1".to_vec().into();
        let part = split(encode(&update).unwrap()).next();
        let printed = format!("{update:?} {part:?}");
        assert!(
            !printed.contains("sk-live") && printed.contains("9 bytes"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn bytes_never_make_the_joiner_panic(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), any::<bool>()), 0..6),
        ) {
            let mut joiner = Joiner::default();
            for (data, last) in parts {
                let _ = joiner.push(Part { data: data.into(), last });
            }
        }
    }
}
