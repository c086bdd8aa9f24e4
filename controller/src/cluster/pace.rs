//! When the next round is due. Pure; time is a parameter.
//!
//! A change that comes alone is taken at once. Of many that come one after the other each would be
//! a round, here and in every proxy: they are left time to gather until there was a moment without
//! one, and until then are taken at times, so that none waits long.

use std::time::Duration;

use tokio::time::Instant;

/// Changes have come to an end after this long without one. People and their tools write one after
/// the other some 10 ms apart.
const QUIET: Duration = Duration::from_millis(20);

/// While changes go on to come, the rest after a round is so many times as long as the round was.
/// What a round brings about in a proxy takes its Envoy three to four times as long.
const REST_FACTOR: u32 = 8;

/// Longest rest after a round.
const REST_MAX: Duration = Duration::from_millis(250);

/// Rounds, and what calls for them.
#[derive(Debug)]
pub(super) struct Pace {
    /// Until then changes gather.
    rested: Instant,
    /// When what has changed is taken; `None`: nothing has.
    due: Option<Instant>,
}

// === impl Pace ===

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            rested: now,
            due: None,
        }
    }

    /// Something has changed. `is_needed`: somebody waits for what this replica makes of it.
    /// Another one takes its time, and leaves the CPU to those who do not have it.
    pub(super) fn changed(&mut self, now: Instant, is_needed: bool) {
        self.due = Some(match self.due {
            Some(due) if !is_needed => due,
            None if !is_needed => now + REST_MAX,
            _ if now >= self.rested => now,
            _ => self.rested.min(now + QUIET),
        });
    }

    /// Somebody has begun to wait for what this replica makes.
    pub(super) fn needed(&mut self, now: Instant) {
        self.rested = now;
        self.due = self.due.map(|due| due.min(now));
    }

    /// When a round is due; `None`: nothing has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Everything that had changed was taken, in a round of this length.
    pub(super) fn taken(&mut self, now: Instant, round: Duration) {
        self.due = None;
        self.rested = now + round.saturating_mul(REST_FACTOR).min(REST_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Duration = Duration::from_millis(20);

    #[test]
    fn change_that_comes_alone_is_taken_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.due(), None);
        pace.changed(now, true);
        assert_eq!(pace.due(), Some(now));
        pace.taken(now + ROUND, ROUND);
        assert_eq!(pace.due(), None);
        let later = now + REST_MAX * 2;
        pace.changed(later, true);
        assert_eq!(pace.due(), Some(later));
    }

    #[test]
    fn last_of_many_waits_for_a_quiet_moment_and_no_longer() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.taken(now, ROUND);
        let rested = now + ROUND * REST_FACTOR;
        let step = QUIET / 2;
        let mut last = now;
        for _ in 0..5 {
            last += step;
            pace.changed(last, true);
            assert_eq!(pace.due(), Some(last + QUIET));
        }
        // However many come: not longer than the rest.
        last = rested - step;
        pace.changed(last, true);
        assert_eq!(pace.due(), Some(rested));
    }

    #[test]
    fn rest_is_bounded() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.taken(now, Duration::from_secs(60));
        pace.changed(now + REST_MAX - QUIET / 2, true);
        assert_eq!(pace.due(), Some(now + REST_MAX));
    }

    #[test]
    fn who_is_not_needed_takes_its_time_until_it_is() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.changed(now, false);
        assert_eq!(pace.due(), Some(now + REST_MAX));
        // More of them do not put it off.
        pace.changed(now + QUIET, false);
        assert_eq!(pace.due(), Some(now + REST_MAX));
        pace.needed(now + QUIET);
        assert_eq!(pace.due(), Some(now + QUIET));
    }
}
