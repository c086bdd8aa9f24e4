//! The rules of the election. Pure; time is a parameter.
//!
//! A replica believes its own clock only: a lease of another counts from when this replica saw
//! it renewed, and its own from before it asked for the renewal. So a leader gives up before
//! anybody else may take over, whatever their clocks say.

use std::time::{Duration, Instant};

/// Who holds a lease, and how it looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Holder; empty when it was given back.
    pub(crate) holder: String,
    /// When the holder renewed it, by its own clock. Compared, never reckoned with.
    pub(crate) renewed: String,
    /// How often it has changed hands.
    pub(crate) transitions: i32,
    /// How long others wait for a renewal. The holder's, not ours.
    pub(crate) duration: Duration,
}

/// Durations of the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A lease that nobody renews for so long may be taken.
    pub lease: Duration,
    /// A leader that cannot renew for so long leads no more. Shorter than `lease`.
    pub renew_deadline: Duration,
    /// How often to look, and to renew.
    pub retry: Duration,
}

/// What to do with the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another holds it.
    Wait,
    /// Write it, with so many transitions.
    Claim {
        /// `leaseTransitions` to write.
        transitions: i32,
    },
}

/// What a replica knows.
#[derive(Debug)]
pub(crate) struct Election {
    identity: String,
    timing: Timing,
    /// The lease, and when it was first seen like that.
    seen: Option<(Record, Instant)>,
    /// When the renewal that succeeded last was begun.
    renewed: Option<Instant>,
}

// === impl Timing ===

impl Default for Timing {
    /// After the death of a leader another leads within `lease + 2 * retry`: 8 s.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(6),
            renew_deadline: Duration::from_secs(4),
            retry: Duration::from_secs(1),
        }
    }
}

// === impl Election ===

impl Election {
    pub(crate) fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            seen: None,
            renewed: None,
        }
    }

    /// The lease was read at `now`; `None`: there is none.
    pub(crate) fn read(&mut self, record: Option<Record>, now: Instant) -> Step {
        let Some(record) = record else {
            self.seen = None;
            return Step::Claim { transitions: 0 };
        };
        let since = match &self.seen {
            Some((seen, since)) if *seen == record => *since,
            Some(_) | None => now,
        };
        let is_ours = record.holder == self.identity;
        if !is_ours && !record.holder.is_empty() {
            // Somebody else leads, whatever we believed.
            self.renewed = None;
        }
        let is_over = now.saturating_duration_since(since) >= record.duration;
        let step = if is_ours {
            Step::Claim {
                transitions: record.transitions,
            }
        } else if record.holder.is_empty() || is_over {
            Step::Claim {
                transitions: record.transitions.saturating_add(1),
            }
        } else {
            Step::Wait
        };
        self.seen = Some((record, since));
        step
    }

    /// A claim that was begun at `begun` has succeeded.
    pub(crate) fn claimed(&mut self, begun: Instant) {
        self.renewed = Some(begun);
    }

    /// Somebody else has written the lease meanwhile, or it could not be written: it must be read
    /// again before anything.
    pub(crate) fn lost_race(&mut self) {
        self.seen = None;
    }

    /// Whether this replica leads.
    pub(crate) fn leads(&self, now: Instant) -> bool {
        self.leads_until().is_some_and(|until| now < until)
    }

    /// When it leads no more unless it renews.
    pub(crate) fn leads_until(&self) -> Option<Instant> {
        Some(self.renewed? + self.timing.renew_deadline)
    }

    /// It shall lead no more. Whether it did, so that the lease is its to give back.
    pub(crate) fn resign(&mut self, now: Instant) -> bool {
        let led = self.leads(now);
        self.renewed = None;
        led
    }
}

#[cfg(test)]
mod tests;
