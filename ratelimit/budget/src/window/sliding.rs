//! Sliding windows: the span is cut into buckets, and what was charged in a bucket counts until
//! the whole bucket is older than the span.
//!
//! So charges that lie at most a span apart always count together, and nothing counts longer than
//! a span and a bucket.

use super::Window;

/// Buckets that a span is cut into.
pub const BUCKETS: u64 = 20;

/// Longer spans are cut down to this: more than any calendar has.
const SPAN_MS_MAX: u64 = 1 << 60;

/// Milliseconds of each bucket: a twentieth of the span, rounded up, at least 1. Buckets start at
/// the multiples of it since the Unix epoch.
pub fn bucket_ms(span_ms: u64) -> u64 {
    span_ms.min(SPAN_MS_MAX).div_ceil(BUCKETS).max(1)
}

/// The bucket that contains `now_ms`, as the span of time in which it counts: from its first
/// millisecond until a span after its last one. At most 21 buckets count at a time.
pub fn bucket(span_ms: u64, now_ms: i64) -> Window {
    let length_ms = i64::try_from(bucket_ms(span_ms)).unwrap_or(i64::MAX);
    starting_at(span_ms, now_ms.saturating_sub(now_ms.rem_euclid(length_ms)))
}

/// The bucket that starts at `start_ms`.
pub fn starting_at(span_ms: u64, start_ms: i64) -> Window {
    let counts_ms = bucket_ms(span_ms) + span_ms.min(SPAN_MS_MAX);
    Window {
        start_ms,
        end_ms: start_ms.saturating_add_unsigned(counts_ms),
    }
}
