//! How long to wait before a process that died is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// A process that ran this long was healthy: its end is the first of a new series.
const HEALTHY: Duration = Duration::from_secs(60);

/// Pauses that double from 100 ms to 10 s and begin anew after a healthy run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

// === impl Backoff ===

impl Backoff {
    /// The pause after a run of this length.
    pub fn after_run(&mut self, ran_for: Duration) -> Duration {
        if ran_for >= HEALTHY {
            self.failures = 0;
        }
        let pause = FIRST
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn pauses_double_to_ten_seconds_and_begin_anew_after_a_minute() {
        let mut backoff = Backoff::default();
        let mut pause = |seconds| backoff.after_run(Duration::from_secs(seconds)).as_millis();
        let pauses: Vec<_> = (0..9).map(|_| pause(1)).collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        assert_eq!([pause(60), pause(59)], [100, 200]);
        assert_eq!((0..100).map(|_| pause(0)).last(), Some(10_000));
    }
}
