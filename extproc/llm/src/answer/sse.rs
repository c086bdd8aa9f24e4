//! Server-sent events out of pieces of any size (WHATWG HTML, "Server-sent events", "Parsing an
//! event stream"): lines end in LF, CR or CRLF, a blank line ends an event.

use std::borrow::Cow;

use memchr::memchr2;

/// Longest event that is understood; a longer one goes by unread.
pub(super) const EVENT_BYTES_MAX: usize = 4 << 20;

/// Finds where events end, across pieces.
#[derive(Debug)]
pub(super) struct Boundaries {
    /// Nothing but a line end has come since the last line end.
    line_is_empty: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
}

// === impl Boundaries ===

impl Default for Boundaries {
    fn default() -> Self {
        Self {
            line_is_empty: true,
            after_cr: false,
        }
    }
}

impl Boundaries {
    /// Whether `piece` begins with the LF of a CRLF whose CR ended the piece before; if so it is
    /// taken and belongs to what came before.
    pub(super) fn take_split_line_end(&mut self, piece: &[u8]) -> bool {
        let Some(first) = piece.first() else {
            return false;
        };
        std::mem::take(&mut self.after_cr) && *first == b'\n'
    }

    /// The offset behind the blank line that ends the next event at or after `from`; `None`: it
    /// does not end in this piece, of which all is taken.
    pub(super) fn next_end(&mut self, piece: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let rest = piece.get(from..).unwrap_or_default();
            let Some(length) = memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty &= rest.is_empty();
                return None;
            };
            let is_blank = self.line_is_empty && length == 0;
            let is_cr = rest.get(length) == Some(&b'\r');
            let next = rest.get(length + 1);
            self.line_is_empty = true;
            self.after_cr = is_cr && next.is_none();
            from += length + 1 + usize::from(is_cr && next == Some(&b'\n'));
            if is_blank {
                return Some(from);
            }
        }
    }
}

/// The data of one event: its `data` lines joined by LF; `None` when it has none (comments,
/// `event` alone).
pub(super) fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    if let Some(value) = only_data(event) {
        return Some(Cow::Borrowed(value));
    }
    let mut data: Option<Cow<'_, [u8]>> = None;
    // CRLF makes an empty line between, which has no field.
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some(value) = line.strip_prefix(b"data") else {
            continue;
        };
        let value = match value {
            [] => value,
            [b':', b' ', value @ ..] | [b':', value @ ..] => value,
            _ => continue,
        };
        match &mut data {
            None => data = Some(Cow::Borrowed(value)),
            Some(joined) => {
                let joined = joined.to_mut();
                joined.push(b'\n');
                joined.extend_from_slice(value);
            }
        }
    }
    data
}

/// The data of an event that is one `data: ` line, as nearly all are.
fn only_data(event: &[u8]) -> Option<&[u8]> {
    let value = event.strip_prefix(b"data: ")?.strip_suffix(b"\n\n")?;
    memchr2(b'\n', b'\r', value).is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut boundaries = Boundaries::default();
        let (mut events, mut pending) = (Vec::new(), Vec::new());
        for piece in pieces {
            let mut at = usize::from(boundaries.take_split_line_end(piece));
            while let Some(end) = boundaries.next_end(piece, at) {
                pending.extend_from_slice(&piece[at..end]);
                if let Some(data) = data(&pending) {
                    events.push(String::from_utf8_lossy(&data).into_owned());
                }
                pending.clear();
                at = end;
            }
            pending.extend_from_slice(&piece[at..]);
        }
        events
    }

    #[test]
    fn events_are_the_same_with_every_line_end_and_split() {
        for line_end in ["\n", "\r", "\r\n"] {
            let text = [
                ": comment",
                "",
                "data: a",
                "",
                "event: x",
                "data:b",
                "data: c",
                "",
                "",
                "data",
                "",
                "id: 1",
                "",
                "data: [DONE]",
                "",
                "",
            ]
            .join(line_end);
            let text = text.as_bytes();
            for first in 0..text.len() {
                for second in first..text.len() {
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(
                        events(&pieces),
                        ["a", "b\nc", "", "[DONE]"],
                        "{line_end:?} split at {first} and {second}"
                    );
                }
            }
        }
    }
}
