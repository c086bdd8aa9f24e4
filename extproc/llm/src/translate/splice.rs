//! Byte-level changes of a JSON object: a few values replaced or added, every other byte as the
//! client wrote it (order, spaces, unknown fields, number formats).

use std::ops::Range;

use bytes::Bytes;

/// Changes of one body, collected and then applied in one copy.
#[derive(Debug, Default)]
pub(super) struct Splices {
    edits: Vec<(Range<usize>, String)>,
}

// === impl Splices ===

impl Splices {
    /// Puts `value` in place of the bytes of `span`. Spans must not overlap.
    pub(super) fn replace(&mut self, span: Range<usize>, value: String) {
        self.edits.push((span, value));
    }

    /// Adds a field at the end of the top-level object, which has at least one field.
    /// `body` must be a valid JSON object.
    pub(super) fn add_field(&mut self, body: &[u8], name: &str, value: &str) {
        let end = body.trim_ascii_end().len().saturating_sub(1);
        self.edits.push((end..end, format!(",\"{name}\":{value}")));
    }

    /// The changed body; `None` when nothing changes.
    pub(super) fn apply(mut self, body: &[u8]) -> Option<Bytes> {
        if self.edits.is_empty() {
            return None;
        }
        // Stable: fields added at the same place keep the order in which they were added.
        self.edits.sort_by_key(|(span, _)| span.start);
        let added: usize = self.edits.iter().map(|(_, value)| value.len()).sum();
        let mut changed = Vec::with_capacity(body.len() + added);
        let mut at = 0;
        for (span, value) in &self.edits {
            changed.extend_from_slice(body.get(at..span.start).unwrap_or_default());
            changed.extend_from_slice(value.as_bytes());
            at = span.end;
        }
        changed.extend_from_slice(body.get(at..).unwrap_or_default());
        Some(Bytes::from(changed))
    }
}
