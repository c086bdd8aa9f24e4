//! Windows: which span of time counts towards one limit.
//!
//! Fed by a kind, a time zone and the store's time; feeds the stores. For every calendar kind and
//! zone the windows tile time: each instant lies in exactly one, and they only ever advance.

mod cache;
mod clock_units;
mod dates;
pub mod sliding;
mod zone;

use jiff::Timestamp;
use tollgate_bundle::WindowKind;

pub use cache::WindowCache;
pub use zone::{InvalidZone, Zone, parse_zone};

/// A span of time, in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First millisecond.
    pub start_ms: i64,
    /// First millisecond of the next window.
    pub end_ms: i64,
}

/// A kind in words, as operators see it: `Day`, `Sliding 5h`.
pub fn words(kind: WindowKind) -> String {
    match kind {
        WindowKind::Sliding(span_ms) => format!("Sliding {}", span_words(span_ms)),
        calendar => format!("{calendar:?}"),
    }
}

/// A span as manifests write it: `5h`, `1m30s`.
fn span_words(span_ms: u64) -> String {
    let units = [
        (span_ms / 3_600_000, "h"),
        (span_ms / 60_000 % 60, "m"),
        (span_ms / 1000 % 60, "s"),
        (span_ms % 1000, "ms"),
    ];
    units
        .into_iter()
        .filter(|(amount, _)| *amount > 0)
        .map(|(amount, unit)| format!("{amount}{unit}"))
        .collect()
}

// === impl Window ===

impl Window {
    /// All time: the one window of a lifetime.
    pub const ENDLESS: Self = Self {
        start_ms: i64::MIN,
        end_ms: i64::MAX,
    };

    /// The window of `kind` in the civil calendar of `zone` that contains `now_ms`.
    ///
    /// - Second, minute and hour start when the zone's clock shows a whole one. An hour that the
    ///   clock shows twice (the end of summer time) is two windows. Where the clock jumps over a
    ///   whole hour by less than an hour (Lord Howe moves by 30 minutes), the running window goes
    ///   on until the clock shows the next whole hour: no extra window, so no extra budget.
    /// - Day, week, month and year start at the midnight of their first date; where the clock skips
    ///   that midnight, when it would have been without the jump. A date that the calendar skips
    ///   (Apia, 2011-12-30) has no window. A midnight that the clock shows twice counts once, the
    ///   first time.
    /// - A lifetime is all time. Beyond the calendar (years -9999 to 9999) each window is.
    /// - Of a sliding window the bucket, and how long it counts: see [`sliding::bucket`].
    pub fn containing(kind: WindowKind, zone: &Zone, now_ms: i64) -> Self {
        let zone = zone.time_zone();
        let calendar = |now: Timestamp| match kind {
            WindowKind::Second => clock_units::containing(1, zone, now),
            WindowKind::Minute => clock_units::containing(60, zone, now),
            WindowKind::Hour => clock_units::containing(3_600, zone, now),
            WindowKind::Day | WindowKind::Week | WindowKind::Month | WindowKind::Year => {
                dates::containing(kind, zone, now)
            }
            WindowKind::Lifetime | WindowKind::Sliding(_) => None,
        };
        if let WindowKind::Sliding(span_ms) = kind {
            return sliding::bucket(span_ms, now_ms);
        }
        let found = Timestamp::from_millisecond(now_ms).ok().and_then(calendar);
        found.unwrap_or(Self::ENDLESS)
    }

    /// Whether `ms` lies in this window.
    pub fn contains(&self, ms: i64) -> bool {
        self.start_ms <= ms && ms < self.end_ms
    }

    /// Milliseconds from `now_ms` to the end; 0 when it is over, `u64::MAX` when it has no end.
    pub fn reset_ms(&self, now_ms: i64) -> u64 {
        if self.end_ms == i64::MAX {
            return u64::MAX;
        }
        u64::try_from(self.end_ms.saturating_sub(now_ms)).unwrap_or(0)
    }

    fn between(start: Timestamp, end: Timestamp) -> Self {
        Self {
            start_ms: start.as_millisecond(),
            end_ms: end.as_millisecond(),
        }
    }
}

#[cfg(test)]
mod tests;
