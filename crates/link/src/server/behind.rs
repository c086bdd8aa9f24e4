//! Whether what is published is what is known. A controller may take its time over a change; a
//! proxy that comes meanwhile may have it already, from another controller, and is not to go back.

use std::time::Duration;

use tokio::{sync::watch, time};

/// How long a proxy waits at most: old routes are better than none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Changes, counted.
#[derive(Debug, Default)]
pub(super) struct Behind(watch::Sender<Counts>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    known: u64,
    published: u64,
}

// === impl Behind ===

impl Behind {
    /// There is a change that is not published yet.
    pub(super) fn learned(&self) {
        self.0.send_modify(|it| it.known += 1);
    }

    /// Everything that was known is published.
    pub(super) fn caught_up(&self) {
        self.0.send_if_modified(|it| {
            let was_behind = it.published != it.known;
            it.published = it.known;
            was_behind
        });
    }

    /// Until everything is published that is known now, or [`PATIENCE`] has an end.
    pub(super) async fn over(&self) {
        let mut counts = self.0.subscribe();
        let known = counts.borrow().known;
        // The sender is alive as long as `self`.
        let caught_up = counts.wait_for(|it| it.published >= known);
        if time::timeout(PATIENCE, caught_up).await.is_err() {
            tracing::warn!(
                "a proxy gets what was published before the last changes: they take long"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_waited_for_and_what_comes_later_is_not() {
        let behind = Behind::default();
        let begun = time::Instant::now();
        behind.over().await;
        behind.learned();
        let waiting = async {
            behind.over().await;
            begun.elapsed()
        };
        let publishing = async {
            time::sleep(PATIENCE / 4).await;
            behind.caught_up();
            behind.learned();
        };
        assert_eq!(tokio::join!(waiting, publishing).0, PATIENCE / 4);
        behind.over().await;
        assert_eq!(begun.elapsed(), PATIENCE / 4 + PATIENCE);
    }
}
