//! A stream that already speaks OpenAI: watched, and rid of the usage chunk that only the
//! gateway asked for. Every other byte goes on as it came, pings and odd events included.

mod plain_delta;

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use super::{
    BodyChange,
    chunk::Stamp,
    closing,
    openai::Completion,
    seen::Seen,
    sse::{self, Boundaries, EVENT_BYTES_MAX},
};
use crate::Usage;
use plain_delta::PlainDelta;

#[derive(Debug)]
pub(super) struct OpenAiStream {
    mode: Mode,
    choices: u64,
    finished: u64,
    boundaries: Boundaries,
    /// Bytes of an event that has not ended yet.
    pending: Vec<u8>,
    /// The current event is longer than is understood: it goes by unread.
    is_oversized: bool,
    /// The last event was dropped (so is the LF of its CRLF, should it come later).
    dropped_last: bool,
    /// The gateway ended the stream: nothing more goes out.
    is_cut: bool,
    plain: PlainDelta,
    /// What the provider's chunks carry, for closing ones; only where the stream may be cut.
    stamp: Option<Stamp>,
    is_stamped: bool,
}

/// What a stream must become for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The client asked for the usage chunk.
    pub(super) include_usage: bool,
    /// The gateway may have to end the stream.
    pub(super) may_cut: bool,
    /// Choices that must all finish.
    pub(super) choices: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The client wants the usage chunk: nothing is held back.
    Watch,
    /// The client wants the usage chunk, and the stream may have to be ended between two events:
    /// each is held back until it is complete.
    WholeEvents,
    /// Events are held back until they are complete, and dropped if they are only usage.
    Drop,
}

/// Ranges that go on, in order; neighbours are merged.
#[derive(Debug, Default)]
struct Kept(Vec<Range<usize>>);

// === impl OpenAiStream ===

impl OpenAiStream {
    /// `stamp` is for closing chunks, should the provider's own not say.
    pub(super) fn new(wanted: Wanted, stamp: &Stamp) -> Self {
        let mode = match wanted {
            Wanted {
                include_usage: false,
                ..
            } => Mode::Drop,
            Wanted { may_cut: true, .. } => Mode::WholeEvents,
            Wanted { .. } => Mode::Watch,
        };
        Self {
            mode,
            choices: wanted.choices,
            finished: 0,
            boundaries: Boundaries::default(),
            pending: Vec::new(),
            is_oversized: false,
            dropped_last: false,
            is_cut: false,
            plain: PlainDelta::default(),
            stamp: wanted.may_cut.then(|| stamp.clone()),
            is_stamped: false,
        }
    }

    /// Ends the stream for the client; what the provider goes on to say is still read. `None`:
    /// it was not said that it may be cut.
    pub(super) fn cut(&mut self, usage: Usage) -> Option<Bytes> {
        let stamp = self.stamp.as_ref()?;
        let mut out = Vec::new();
        let include_usage = self.mode != Mode::Drop;
        closing::write(&mut out, stamp, self.choices, include_usage, usage);
        self.is_cut = true;
        Some(Bytes::from(out))
    }

    pub(super) fn on_piece(&mut self, piece: &Bytes, end: bool, seen: &mut Seen) -> BodyChange {
        let mut held = std::mem::take(&mut self.pending);
        let held_bytes = held.len();
        let work: Cow<'_, [u8]> = if held.is_empty() {
            Cow::Borrowed(piece)
        } else {
            held.extend_from_slice(piece);
            Cow::Owned(held)
        };

        let mut kept = Kept::default();
        let (mut start, mut scan) = (0, held_bytes);
        if self.boundaries.take_split_line_end(piece) {
            scan += 1;
            if held_bytes == 0 {
                // It ends the last line of the event before.
                start = 1;
                if !self.dropped_last {
                    kept.keep(0..1);
                }
            }
        }
        loop {
            if scan == start
                && let Some(length) = self.take_plain(&work, start, &mut kept, seen)
            {
                start += length;
            } else if let Some(event_end) = self.boundaries.next_end(&work, scan) {
                self.take_event(&work, start..event_end, &mut kept, seen);
                self.is_oversized = false;
                start = event_end;
            } else {
                break;
            }
            scan = start;
        }
        let tail = start..work.len();
        if end {
            // An event without its blank line still counts, and goes out.
            self.take_event(&work, tail, &mut kept, seen);
            start = work.len();
        } else if self.is_oversized || tail.len() > EVENT_BYTES_MAX {
            kept.keep(tail);
            (self.is_oversized, self.dropped_last) = (true, false);
            start = work.len();
        }
        let change = match (self.mode, &work) {
            _ if self.is_cut => BodyChange::Replace(Bytes::new()),
            (Mode::Watch, _) => BodyChange::Keep,
            (_, Cow::Borrowed(_)) => kept.of_piece(piece),
            (_, Cow::Owned(work)) => BodyChange::Replace(kept.copy(work)),
        };
        self.pending = match work {
            Cow::Owned(work) if start == 0 => work,
            work => work.get(start..).unwrap_or_default().to_vec(),
        };
        change
    }

    /// Takes the event that begins at `start` if it is like the plain one before it, which is most
    /// of a stream; its length.
    fn take_plain(
        &mut self,
        work: &[u8],
        start: usize,
        kept: &mut Kept,
        seen: &mut Seen,
    ) -> Option<usize> {
        if self.is_oversized {
            return None;
        }
        let (content, length) = self.plain.next(work.get(start..)?)?;
        seen.generate(content);
        kept.keep(start..start + length);
        self.dropped_last = false;
        Some(length)
    }

    fn take_event(&mut self, work: &[u8], range: Range<usize>, kept: &mut Kept, seen: &mut Seen) {
        let event = work.get(range.clone()).unwrap_or_default();
        self.dropped_last = !self.is_oversized && self.note(event, seen);
        if !self.dropped_last {
            kept.keep(range);
        }
    }

    /// Notes what an event says; whether it is to be dropped.
    fn note(&mut self, event: &[u8], seen: &mut Seen) -> bool {
        let Some(data) = sse::data(event) else {
            return false;
        };
        if data.trim_ascii() == b"[DONE]" {
            seen.complete = true;
            return false;
        }
        // The first chunk names the model: it is parsed.
        if seen.has_model()
            && let Some(content) = self.plain.content(event, &data)
        {
            seen.generate(content);
            return false;
        }
        let Some(completion) = Completion::parse(&data) else {
            return false;
        };
        completion.note(seen);
        if let (Some(stamp), false) = (&mut self.stamp, self.is_stamped) {
            self.is_stamped = true;
            completion.stamp(stamp);
        }
        self.finished += completion.finished();
        seen.complete |= self.finished >= self.choices;
        self.mode == Mode::Drop && completion.is_usage_only()
    }
}

// === impl Kept ===

impl Kept {
    fn keep(&mut self, range: Range<usize>) {
        match self.0.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.0.push(range),
        }
    }

    /// The kept part of a piece, copied only when it has a hole.
    fn of_piece(&self, piece: &Bytes) -> BodyChange {
        match self.0.as_slice() {
            [] if piece.is_empty() => BodyChange::Keep,
            [] => BodyChange::Replace(Bytes::new()),
            [all] if all.len() == piece.len() => BodyChange::Keep,
            [one] => BodyChange::Replace(piece.slice(one.clone())),
            _ => BodyChange::Replace(self.copy(piece)),
        }
    }

    fn copy(&self, work: &[u8]) -> Bytes {
        let ranges = self.0.iter().filter_map(|range| work.get(range.clone()));
        Bytes::from(ranges.collect::<Vec<_>>().concat())
    }
}
