//! Bodies that are read whole: handed over in one call, or collected where a host hands them
//! over in several.

use bytes::Bytes;

use super::BodyChange;

/// Longest body that is understood; hosts bound what they buffer well below.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What came before the last piece.
#[derive(Debug, Default)]
pub(super) struct Whole {
    held: Vec<u8>,
    is_too_long: bool,
}

// === impl Whole ===

impl Whole {
    /// Every piece goes on as it is; `read` sees the whole at the end.
    pub(super) fn watch(
        &mut self,
        piece: &Bytes,
        end: bool,
        read: impl FnOnce(&[u8]),
    ) -> BodyChange {
        if end && self.held.is_empty() && !self.is_too_long {
            read(piece);
        } else {
            self.hold(piece);
            if end && !self.is_too_long {
                read(&self.held);
            }
        }
        BodyChange::Keep
    }

    /// Pieces are held back; `change` makes the new body at the end. It gets `None` when the
    /// body was too long.
    pub(super) fn change(
        &mut self,
        piece: &Bytes,
        end: bool,
        change: impl FnOnce(Option<&Bytes>) -> BodyChange,
    ) -> BodyChange {
        if end && self.held.is_empty() && !self.is_too_long {
            return change(Some(piece));
        }
        self.hold(piece);
        if !end {
            return BodyChange::Replace(Bytes::new());
        }
        let body = Bytes::from(std::mem::take(&mut self.held));
        match change((!self.is_too_long).then_some(&body)) {
            // The pieces were held back: to keep them is to send them now.
            BodyChange::Keep => BodyChange::Replace(body),
            changed => changed,
        }
    }

    fn hold(&mut self, piece: &[u8]) {
        if self.is_too_long || self.held.len() + piece.len() > BODY_BYTES_MAX {
            self.is_too_long = true;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(piece);
        }
    }
}
