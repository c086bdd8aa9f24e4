//! Which objects to look at, and when: each once, those under way not twice, those that are
//! written in vain ever more rarely. Pure; time is a parameter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tollgate_translate::ObjectRef;

/// Writes of one and the same status to one object after which the next one waits. Somebody
/// else writes there, or the API server drops what it does not know.
const WRITES_FREE: u32 = 3;

/// The longest wait between such writes.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Writes in one second, in the long run.
const WRITES_PER_SECOND: f64 = 200.0;

/// Writes in one second while something is on its way to the proxies.
const WRITES_PER_SECOND_GIVING_WAY: f64 = 50.0;

/// Writes at once after a pause.
const WRITES_BURST: f64 = 400.0;

/// The objects.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: BTreeSet<ObjectRef>,
    delayed: BTreeMap<ObjectRef, Instant>,
    under_way: BTreeSet<ObjectRef>,
    /// To be looked at when what is under way has ended.
    again: BTreeSet<ObjectRef>,
    /// What was written last, while it is written again and again.
    written: BTreeMap<ObjectRef, Written>,
}

#[derive(Debug)]
struct Written {
    /// Hash of the status.
    status: u64,
    times: u32,
    last: Instant,
}

// === impl Queue ===

impl Queue {
    /// The object should be looked at.
    pub(crate) fn push(&mut self, object: ObjectRef) {
        if self.under_way.contains(&object) {
            self.again.insert(object);
        } else {
            self.waiting.insert(object);
        }
    }

    /// The object should be looked at later.
    pub(crate) fn push_at(&mut self, object: ObjectRef, at: Instant) {
        self.delayed.entry(object).or_insert(at);
    }

    /// The next object to look at.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<ObjectRef> {
        let due = self.delayed.iter().find(|(_, at)| **at <= now);
        if let Some(object) = due.map(|(object, _)| object.clone()) {
            self.delayed.remove(&object);
            self.push(object);
        }
        self.waiting.pop_first()
    }

    /// When a delayed object is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.delayed.values().min().copied()
    }

    /// A status (its hash) is to be written: `Err` says until when to wait.
    pub(crate) fn begin(
        &mut self,
        object: &ObjectRef,
        status: u64,
        now: Instant,
    ) -> Result<(), Instant> {
        let entry = self
            .written
            .get(object)
            .filter(|entry| entry.status == status);
        let times = entry.map_or(0, |entry| entry.times);
        if let Some(entry) = entry
            && times >= WRITES_FREE
        {
            let seconds = 2_u64.saturating_pow((times - WRITES_FREE).min(16));
            let until = entry.last + Duration::from_secs(seconds).min(WAIT_MAX);
            if until > now {
                return Err(until);
            }
        }
        let entry = Written {
            status,
            times: times + 1,
            last: now,
        };
        self.written.insert(object.clone(), entry);
        self.under_way.insert(object.clone());
        Ok(())
    }

    /// The write has ended.
    pub(crate) fn end(&mut self, object: &ObjectRef) {
        self.under_way.remove(object);
        if self.again.remove(object) {
            self.waiting.insert(object.clone());
        }
    }

    /// The object has the status that it shall have, or is gone.
    pub(crate) fn settled(&mut self, object: &ObjectRef, now: Instant) {
        let is_old = |entry: &Written| now.saturating_duration_since(entry.last) > WAIT_MAX;
        if self.written.get(object).is_some_and(is_old) {
            self.written.remove(object);
        }
    }

    /// The object is gone.
    pub(crate) fn forget(&mut self, object: &ObjectRef) {
        self.written.remove(object);
        self.delayed.remove(object);
    }

    /// Nothing is to be done any more: this replica does not lead.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.delayed.clear();
        self.again.clear();
        self.written.clear();
    }

    /// How many objects wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.delayed.len() + self.again.len()
    }
}

/// How many writes may begin: as many in a second, with a reserve for bursts.
#[derive(Debug)]
pub(crate) struct Pace {
    reserve: f64,
    at: Instant,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            reserve: WRITES_BURST,
            at: now,
        }
    }

    /// Takes one; `Err` says when there is one. `gives_way`: what else is done with the API server
    /// matters more now.
    pub(crate) fn take(&mut self, now: Instant, gives_way: bool) -> Result<(), Instant> {
        let (per_second, burst) = match gives_way {
            true => (WRITES_PER_SECOND_GIVING_WAY, 1.0),
            false => (WRITES_PER_SECOND, WRITES_BURST),
        };
        let elapsed_s = now.saturating_duration_since(self.at).as_secs_f64();
        self.reserve = (self.reserve + elapsed_s * per_second).min(burst);
        self.at = now;
        if self.reserve < 1.0 {
            let missing_s = (1.0 - self.reserve) / per_second;
            return Err(now + Duration::from_secs_f64(missing_s));
        }
        self.reserve -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
