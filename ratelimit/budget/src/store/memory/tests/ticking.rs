//! The same checks while time runs on, as it does for a store on another machine.

use super::*;

crate::conformance_tests!(run);

fn run(check: impl AsyncFnOnce(&Rig<'_>)) {
    let time = Time::default();
    let ticking = time.clone();
    // Each operation takes a millisecond.
    let clock = Clock::new(move || ticking.0.fetch_add(1, Ordering::Relaxed));
    let store = MemoryStore::new(clock, Bounds::default());
    drive(&Ticking(time), &store, check);
}

struct Ticking(Time);

impl TestClock for Ticking {
    fn advance(&self, ms: u64) {
        self.0.advance(ms);
    }

    fn stands_still(&self) -> bool {
        false
    }
}
