//! The last charges: the calls that are cut at the end are charged for what they got.

use std::time::Duration;

use super::{engine::EngineLook, ledger::RunningLedger};

/// Counting what a call generated takes a moment.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// So many looks without a change mean that all are charged.
const LOOKS_QUIET: u32 = 10;
const LOOKS_MAX: u32 = 100;

/// Waits until the calls that were in flight have been charged: nothing has changed for a while.
pub(super) async fn last_settlements(engine: &EngineLook, budgets: &RunningLedger) {
    let figures = || {
        let stats = budgets.ledger.stats();
        (engine.in_flight(), stats.settled + stats.queue.queued)
    };
    let (mut last, mut quiet) = (figures(), 0);
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = figures();
        quiet = if now == last && now.0 == 0 {
            quiet + 1
        } else {
            0
        };
        if quiet >= LOOKS_QUIET {
            return;
        }
        last = now;
    }
}
