//! How long to wait before a watch that failed begins again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

// === impl Backoff ===

impl Backoff {
    /// The next wait. `random` is from 0 to 1 and spreads clients apart: the wait is between half
    /// of the bound and the bound.
    pub(crate) fn next(&mut self, random: f64) -> Duration {
        let bound = FIRST
            .saturating_mul(2_u32.saturating_pow(self.failures.min(16)))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST, LONGEST};

    #[test]
    fn waits_double_up_to_the_bound_and_begin_anew_after_success() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(1.0), FIRST);
        assert_eq!(backoff.next(1.0), FIRST * 2);
        for _ in 0..40 {
            assert!(backoff.next(1.0) <= LONGEST);
        }
        assert_eq!(backoff.next(1.0), LONGEST);
        assert_eq!(backoff.next(0.0), LONGEST / 2);
        backoff.reset();
        assert_eq!(backoff.next(1.0), FIRST);
    }
}
