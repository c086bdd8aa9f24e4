//! When the next round is due. Pure; time is a parameter.
//!
//! A change that comes alone is taken at once. Of many that come one after the other each would be
//! a round, here and in every proxy: they are left time to gather until there was a moment without
//! one, and until then are taken at times, so that none waits long.

use std::time::Duration;

use tokio::time::Instant;

/// Who waits for what a replica works out. Later ones wait for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Nobody, until another replica ends: it leaves the CPU to those that are needed.
    Nobody,
    /// Objects wait for their statuses, and fleets to be made: this replica leads.
    Leading,
    /// Proxies wait for routes.
    Followed,
}

/// How long a replica that nobody needs lets changes gather.
const UNNEEDED: Duration = Duration::from_millis(250);

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

    /// Something has changed.
    pub(super) fn changed(&mut self, now: Instant, need: Need) {
        self.due = Some(match (self.due, need) {
            (Some(due), Need::Nobody) => due,
            (None, Need::Nobody) => now + UNNEEDED,
            _ if now >= self.rested => now,
            _ => self.rested.min(now + need.quiet()),
        });
    }

    /// More is needed than before: what has changed is taken now.
    pub(super) fn needed(&mut self, now: Instant) {
        self.rested = now;
        self.due = self.due.map(|due| due.min(now));
    }

    /// When a round is due; `None`: nothing has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Everything that had changed was taken, in a round of this length.
    pub(super) fn taken(&mut self, now: Instant, round: Duration, need: Need) {
        let (factor, max) = need.rest();
        self.due = None;
        self.rested = now + round.saturating_mul(factor).min(max);
    }
}

// === impl Need ===

impl Need {
    /// Changes have come to an end after this long without one. People and their tools write one
    /// after the other some 10 ms apart.
    const fn quiet(self) -> Duration {
        match self {
            Self::Followed => Duration::from_millis(20),
            Self::Nobody | Self::Leading => Duration::from_millis(250),
        }
    }

    /// While changes go on to come, the rest after a round is so many times as long as the round
    /// was, and this at most. What a round brings about in a proxy takes its Envoy three to four
    /// times as long as the round.
    const fn rest(self) -> (u32, Duration) {
        match self {
            Self::Followed => (8, Duration::from_millis(250)),
            Self::Nobody | Self::Leading => (32, Duration::from_secs(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Duration = Duration::from_millis(20);
    const QUIET: Duration = Need::Followed.quiet();
    const REST_FACTOR: u32 = Need::Followed.rest().0;
    const REST_MAX: Duration = Need::Followed.rest().1;

    #[test]
    fn change_that_comes_alone_is_taken_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.due(), None);
        pace.changed(now, Need::Followed);
        assert_eq!(pace.due(), Some(now));
        pace.taken(now + ROUND, ROUND, Need::Followed);
        assert_eq!(pace.due(), None);
        let later = now + REST_MAX * 2;
        pace.changed(later, Need::Followed);
        assert_eq!(pace.due(), Some(later));
    }

    #[test]
    fn last_of_many_waits_for_a_quiet_moment_and_no_longer() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.taken(now, ROUND, Need::Followed);
        let rested = now + ROUND * REST_FACTOR;
        let step = QUIET / 2;
        let mut last = now;
        for _ in 0..5 {
            last += step;
            pace.changed(last, Need::Followed);
            assert_eq!(pace.due(), Some(last + QUIET));
        }
        // However many come: not longer than the rest.
        last = rested - step;
        pace.changed(last, Need::Followed);
        assert_eq!(pace.due(), Some(rested));
    }

    #[test]
    fn rest_is_bounded() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.taken(now, Duration::from_secs(60), Need::Followed);
        pace.changed(now + REST_MAX - QUIET / 2, Need::Followed);
        assert_eq!(pace.due(), Some(now + REST_MAX));
    }

    #[test]
    fn who_is_not_needed_takes_its_time_until_it_is() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.changed(now, Need::Nobody);
        assert_eq!(pace.due(), Some(now + UNNEEDED));
        // More of them do not put it off.
        pace.changed(now + QUIET, Need::Nobody);
        assert_eq!(pace.due(), Some(now + UNNEEDED));
        pace.needed(now + QUIET);
        assert_eq!(pace.due(), Some(now + QUIET));
    }

    #[test]
    fn who_only_leads_rests_longer_and_takes_a_change_that_comes_alone_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.changed(now, Need::Leading);
        assert_eq!(pace.due(), Some(now));
        pace.taken(now, ROUND, Need::Leading);
        pace.changed(now + QUIET, Need::Leading);
        let (factor, _) = Need::Leading.rest();
        assert!(pace.due() > Some(now + REST_MAX));
        assert!(pace.due() <= Some(now + ROUND * factor));
        // A proxy comes.
        pace.needed(now + QUIET * 2);
        assert_eq!(pace.due(), Some(now + QUIET * 2));
    }
}
