//! Log lines that many calls would write at once: one each second, with how many it stands for.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Shortest time between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// A gate for each thing that is told.
#[derive(Debug, Default)]
pub(crate) struct LogGates {
    /// Calls that were served without the store.
    pub(crate) unrecorded: LogGate,
    /// Settlements that were lost.
    pub(crate) lost: LogGate,
    /// Settlements that wait.
    pub(crate) waiting: LogGate,
    /// Renewals that failed.
    pub(crate) renewals: LogGate,
}

/// Lets one line through each second.
#[derive(Debug, Default)]
pub(crate) struct LogGate(Mutex<(Option<Instant>, u64)>);

// === impl LogGate ===

impl LogGate {
    /// How many events the line stands for that may be written now, this one included.
    pub(crate) fn pass(&self) -> Option<u64> {
        let now = Instant::now();
        let mut gate = self.0.lock();
        gate.1 += 1;
        if gate.0.is_some_and(|last| now.duration_since(last) < PAUSE) {
            return None;
        }
        gate.0 = Some(now);
        Some(std::mem::take(&mut gate.1))
    }
}
