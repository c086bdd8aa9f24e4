//! What time it is in the store, as seen from here, and which windows contain that time.
//!
//! Calendars are beyond a script: it is told the window of the estimate and the one after, and
//! answers with its time when neither fits. Every answer carries the server's time, so that the
//! estimate stays right and one round trip is the rule.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::Mutex;
use tollgate_budget::{
    Clock, Window,
    window::{Zone, parse_zone},
};
use tollgate_bundle::WindowKind;

/// Windows remembered; beyond them all are forgotten and found again.
const WINDOWS_MAX: usize = 1_024;

/// The store's clock.
#[derive(Debug)]
pub(crate) struct StoreClock {
    here: Clock,
    /// What the server's clock shows beyond ours.
    ahead_ms: AtomicI64,
    /// Tests only: stands in the place of the server's clock.
    instead: Option<Clock>,
    windows: Mutex<HashMap<(WindowKind, Arc<str>), Windows>>,
}

/// A window and the one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) end_after_ms: i64,
}

// === impl StoreClock ===

impl StoreClock {
    pub(crate) fn new(here: Clock, instead: Option<Clock>) -> Self {
        Self {
            here,
            ahead_ms: AtomicI64::new(0),
            instead,
            windows: Mutex::default(),
        }
    }

    /// The time that scripts are to take for the server's; none: its own.
    pub(crate) fn dictated_ms(&self) -> Option<i64> {
        self.instead.as_ref().map(Clock::now_ms)
    }

    /// The server's time, as far as known here.
    pub(crate) fn estimate_ms(&self) -> i64 {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        self.here.now_ms().saturating_add(ahead_ms)
    }

    /// The server's clock shows `server_ms` now.
    pub(crate) fn learn(&self, server_ms: i64) {
        let ahead_ms = server_ms.saturating_sub(self.here.now_ms());
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    /// The calendar window (or lifetime) that contains `now_ms`, and the one after. An unknown
    /// zone counts as UTC, as everywhere in the ledger.
    pub(crate) fn windows(&self, kind: WindowKind, zone: &Arc<str>, now_ms: i64) -> Windows {
        let key = (kind, Arc::clone(zone));
        let mut known = self.windows.lock();
        if let Some(windows) = known.get(&key)
            && windows.start_ms <= now_ms
            && now_ms < windows.end_ms
        {
            return *windows;
        }
        if known.len() >= WINDOWS_MAX {
            known.clear();
        }
        let zone = parse_zone(zone).unwrap_or_else(|_| Zone::utc());
        let present = Window::containing(kind, &zone, now_ms);
        let after = Window::containing(kind, &zone, present.end_ms);
        let windows = Windows {
            start_ms: present.start_ms,
            end_ms: present.end_ms,
            end_after_ms: after.end_ms,
        };
        known.insert(key, windows);
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_the_one_of_now_and_the_one_after() {
        let clock = StoreClock::new(Clock::system(), None);
        let utc: Arc<str> = Arc::from("UTC");
        // 2026-02-10T12:00:00Z.
        let windows = clock.windows(WindowKind::Month, &utc, 1_770_724_800_000);
        let day = 86_400_000;
        assert_eq!(windows.end_ms - windows.start_ms, 28 * day);
        assert_eq!(windows.end_after_ms - windows.end_ms, 31 * day);
        let later = clock.windows(WindowKind::Month, &utc, windows.end_ms);
        assert_eq!(later.start_ms, windows.end_ms);
        let ever = clock.windows(WindowKind::Lifetime, &utc, 0);
        assert_eq!((ever.start_ms, ever.end_after_ms), (i64::MIN, i64::MAX));
    }

    #[test]
    fn estimate_follows_the_server() {
        let clock = StoreClock::new(Clock::system(), None);
        clock.learn(1_000_000);
        assert!((1_000_000..1_060_000).contains(&clock.estimate_ms()));
    }
}
