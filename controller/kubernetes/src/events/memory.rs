//! What was told lately, so that nothing is told too often. Pure; time is a parameter.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tollgate_translate::ObjectRef;

use super::Trouble;

/// The same trouble of the same object is not told again for so long.
const QUIET: Duration = Duration::from_secs(600);

/// Troubles that are remembered; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 2048;

/// Events at once after a pause, and in a second in the long run.
const BURST: f64 = 50.0;
const PER_SECOND: f64 = 5.0;

/// A trouble of an object.
type Key = (ObjectRef, Trouble);

/// What was told.
#[derive(Debug)]
pub(crate) struct Memory {
    told: BTreeMap<Key, Instant>,
    reserve: f64,
    at: Instant,
}

// === impl Memory ===

impl Memory {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            told: BTreeMap::new(),
            reserve: BURST,
            at: now,
        }
    }

    /// Whether to tell this now; it counts as told then.
    pub(crate) fn admits(&mut self, key: Key, now: Instant) -> bool {
        let elapsed_s = now.saturating_duration_since(self.at).as_secs_f64();
        self.reserve = (self.reserve + elapsed_s * PER_SECOND).min(BURST);
        self.at = now;
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < QUIET;
        if self.told.get(&key).is_some_and(is_recent) || self.reserve < 1.0 {
            return false;
        }
        self.reserve -= 1.0;
        if self.told.len() >= REMEMBERED_MAX {
            self.told.retain(|_, at| is_recent(at));
        }
        if self.told.len() >= REMEMBERED_MAX {
            let oldest = self.told.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.told.remove(&oldest);
            }
        }
        self.told.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, message: &str) -> Key {
        let trouble = Trouble {
            condition: "Accepted".to_string(),
            status: "False".to_string(),
            reason: "Invalid".to_string(),
            message: message.to_string(),
        };
        (ObjectRef::cluster_wide("g", "K", name), trouble)
    }

    #[test]
    fn same_trouble_is_told_again_only_after_a_while() {
        let now = Instant::now();
        let mut memory = Memory::new(now);
        assert!(memory.admits(key("a", "x"), now));
        assert!(!memory.admits(key("a", "x"), now + QUIET / 2));
        assert!(memory.admits(key("a", "y"), now));
        assert!(memory.admits(key("b", "x"), now));
        assert!(memory.admits(key("a", "x"), now + QUIET));
    }

    #[test]
    fn only_so_many_are_told_at_once() {
        let now = Instant::now();
        let mut memory = Memory::new(now);
        let told = (0..1000)
            .filter(|n| memory.admits(key(&n.to_string(), ""), now))
            .count();
        assert_eq!(told, 50);
        assert!(memory.admits(key("later", ""), now + Duration::from_secs(1)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut now = Instant::now();
        let mut memory = Memory::new(now);
        for n in 0..REMEMBERED_MAX + 100 {
            now += Duration::from_millis(250);
            assert!(memory.admits(key(&n.to_string(), ""), now));
        }
        assert!(memory.told.len() <= REMEMBERED_MAX);
    }
}
