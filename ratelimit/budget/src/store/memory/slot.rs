//! One account as the memory store keeps it: what is charged and granted in the spans of time
//! that count, and what is held.

use std::sync::Arc;

use tollgate_bundle::WindowKind;

use crate::{Account, AccountState, Window, window::sliding};

/// What two requests that share a pot have in common: all of an [`Account`] but the limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountKey {
    pub(super) budget: Arc<str>,
    pub(super) subject: Arc<str>,
    pub(super) window: WindowKind,
    pub(super) time_zone: Arc<str>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: AccountKey,
    /// The calendar window, or the latest bucket, that was entered.
    latest: Span,
    /// Buckets before it that may still count, oldest first; none in a calendar window.
    older: Vec<Span>,
    /// Wider than any hold, so that what is taken off is what was put on.
    held: u128,
    /// Live holds that refer to this slot, those of an earlier window included.
    pub(super) pins: u32,
}

/// What was charged and granted in one calendar window, or in one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// From the start until it counts no more.
    window: Window,
    settled: u64,
    granted: u64,
}

/// What counts on an account beside what is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    settled: u64,
    granted: u64,
}

// === impl AccountKey ===

impl From<&Account> for AccountKey {
    fn from(account: &Account) -> Self {
        let Account {
            budget,
            subject,
            window,
            time_zone,
            limit: _,
        } = account;
        Self {
            budget: Arc::clone(budget),
            subject: Arc::clone(subject),
            window: *window,
            time_zone: Arc::clone(time_zone),
        }
    }
}

// === impl Slot ===

impl Slot {
    /// An account with nothing on it.
    pub(super) fn new(key: AccountKey, window: Window) -> Self {
        Self {
            key,
            latest: Span::empty(window),
            older: Vec::new(),
            held: 0,
            pins: 0,
        }
    }

    /// The calendar window that is entered, if it is not over.
    pub(super) fn calendar_window(&self, now_ms: i64) -> Option<Window> {
        let present = !self.slides() && self.latest.window.contains(now_ms);
        present.then_some(self.latest.window)
    }

    /// The account as it stands at `now_ms`, under `limit`, unless its calendar window is over.
    pub(super) fn state(&self, limit: u64, now_ms: i64) -> Option<AccountState> {
        if !self.slides() && !self.latest.counts(now_ms) {
            return None;
        }
        let Sum { settled, granted } = self.sum(now_ms);
        Some(AccountState {
            limit,
            granted,
            settled,
            held: u64::try_from(self.held).unwrap_or(u64::MAX),
            reset_ms: self.reset_ms(now_ms),
        })
    }

    /// Begins a window or a bucket, if it is another than the present one. In a new calendar
    /// window nothing is used and nothing held: holds of the window before live on, but count no
    /// more.
    pub(super) fn enter(&mut self, window: Window) {
        if self.latest.window == window {
            return;
        }
        let before = std::mem::replace(&mut self.latest, Span::empty(window));
        if self.slides() {
            self.older.push(before);
            self.older
                .retain(|span| span.counts(window.start_ms) && !span.is_empty());
        } else {
            self.held = 0;
        }
    }

    pub(super) fn hold(&mut self, amount: u64) {
        self.held += u128::from(amount);
        self.pins += 1;
    }

    /// Takes a hold off that was admitted in the window that starts at `window_start_ms`.
    pub(super) fn release(&mut self, amount: u64, window_start_ms: i64) {
        self.pins = self.pins.saturating_sub(1);
        if self.holds_from(window_start_ms) {
            self.held = self.held.saturating_sub(u128::from(amount));
        }
    }

    /// Whether a live hold that was admitted in that window counts now: in a sliding window
    /// always.
    pub(super) fn holds_from(&self, window_start_ms: i64) -> bool {
        self.slides() || self.latest.window.start_ms == window_start_ms
    }

    /// Charges the window or bucket of admission. Returns what of it lies above the limit.
    pub(super) fn charge(&mut self, window: Window, amount: u64, limit: u64, now_ms: i64) -> u64 {
        let before = self.above(limit, now_ms);
        let span = self.span_mut(window);
        span.settled = span.settled.saturating_add(amount);
        self.above(limit, now_ms).saturating_sub(before)
    }

    /// Takes back from what is charged and counts still, the latest first. Returns how much.
    pub(super) fn give_back(&mut self, amount: u64, now_ms: i64) -> u64 {
        let mut left = amount;
        let older = self.older.iter_mut().rev();
        for span in std::iter::once(&mut self.latest).chain(older) {
            if span.counts(now_ms) {
                let taken = left.min(span.settled);
                span.settled -= taken;
                left -= taken;
            }
        }
        amount - left
    }

    /// Adds to the limit of the window or bucket that was entered last.
    pub(super) fn grant(&mut self, amount: u64) {
        self.latest.granted = self.latest.granted.saturating_add(amount);
    }

    /// Forgets what is charged and granted.
    pub(super) fn reset(&mut self) {
        self.older.clear();
        self.latest = Span::empty(self.latest.window);
    }

    /// Milliseconds until `fits` says yes to what will be charged and granted then, if nothing is
    /// charged meanwhile; where it never does, until nothing charged now would count.
    pub(super) fn retry_ms(&self, now_ms: i64, fits: impl Fn(u64, u64) -> bool) -> u64 {
        let of = |span: &&Span| span.counts(now_ms);
        let waits = self.older.iter().filter(of).filter(|span| {
            let then = self.sum(span.window.end_ms);
            fits(then.settled, then.granted)
        });
        let first = waits.map(|span| span.window.reset_ms(now_ms)).next();
        first.unwrap_or_else(|| self.latest.window.reset_ms(now_ms))
    }

    /// Without this slot the store would answer just the same.
    pub(super) fn is_idle(&self, now_ms: i64) -> bool {
        self.pins == 0 && self.sum(now_ms) == Sum::default()
    }

    fn slides(&self) -> bool {
        matches!(self.key.window, WindowKind::Sliding(_))
    }

    fn sum(&self, now_ms: i64) -> Sum {
        let counting = |span: &&Span| span.counts(now_ms);
        let spans = self.older.iter().chain([&self.latest]).filter(counting);
        spans.fold(Sum::default(), |sum, span| Sum {
            settled: sum.settled.saturating_add(span.settled),
            granted: sum.granted.saturating_add(span.granted),
        })
    }

    fn above(&self, limit: u64, now_ms: i64) -> u64 {
        let Sum { settled, granted } = self.sum(now_ms);
        settled.saturating_sub(limit.saturating_add(granted))
    }

    fn reset_ms(&self, now_ms: i64) -> u64 {
        let WindowKind::Sliding(span_ms) = self.key.window else {
            return self.latest.window.reset_ms(now_ms);
        };
        if self.held > 0 {
            return sliding::bucket(span_ms, now_ms).reset_ms(now_ms);
        }
        let charged = |span: &&Span| span.settled > 0;
        let mut latest_first = std::iter::once(&self.latest).chain(self.older.iter().rev());
        latest_first
            .find(charged)
            .map_or(0, |span| span.window.reset_ms(now_ms))
    }

    fn span_mut(&mut self, window: Window) -> &mut Span {
        if window.start_ms >= self.latest.window.start_ms {
            return &mut self.latest;
        }
        let found =
            (self.older).binary_search_by_key(&window.start_ms, |span| span.window.start_ms);
        let index = found.unwrap_or_else(|index| {
            self.older.insert(index, Span::empty(window));
            index
        });
        &mut self.older[index]
    }
}

// === impl Span ===

impl Span {
    fn empty(window: Window) -> Self {
        Self {
            window,
            settled: 0,
            granted: 0,
        }
    }

    fn counts(&self, now_ms: i64) -> bool {
        now_ms < self.window.end_ms
    }

    fn is_empty(&self) -> bool {
        self.settled == 0 && self.granted == 0
    }
}
