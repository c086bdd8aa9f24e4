//! `x-ratelimit-*` and `retry-after`, for data planes whose filter does not write them: in the
//! form of draft-polli-ratelimit-headers-03, as Envoy writes them.

use std::fmt::Write;

use crate::{
    unit,
    wire::{DescriptorStatus, HeaderValue, OVER_LIMIT},
};

/// The headers of an answer; none where no limit applies.
pub(crate) fn headers(overall_code: i32, statuses: &[DescriptorStatus]) -> Vec<HeaderValue> {
    let limited = || {
        statuses
            .iter()
            .filter_map(|status| Some((status, status.current_limit.as_ref()?)))
    };
    let Some((tightest, limit)) = limited().min_by_key(|(status, _)| status.limit_remaining) else {
        return Vec::new();
    };
    let mut quota = limit.requests_per_unit.to_string();
    for (_, limit) in limited() {
        let Some(seconds) = unit::seconds(limit.unit) else {
            continue;
        };
        // Writing to a string cannot fail.
        let _ = write!(quota, ", {};w={seconds}", limit.requests_per_unit);
    }
    let mut headers = vec![
        header("x-ratelimit-limit", quota),
        header(
            "x-ratelimit-remaining",
            tightest.limit_remaining.to_string(),
        ),
    ];
    if let Some(seconds) = reset_seconds(tightest) {
        headers.push(header("x-ratelimit-reset", seconds.to_string()));
    }
    let refused = statuses.iter().filter(|status| status.code == OVER_LIMIT);
    let wait = refused.filter_map(reset_seconds).max();
    if let Some(wait) = wait.filter(|_| overall_code == OVER_LIMIT) {
        headers.push(header("retry-after", wait.max(1).to_string()));
    }
    headers
}

fn reset_seconds(status: &DescriptorStatus) -> Option<i64> {
    Some(status.duration_until_reset.as_ref()?.seconds)
}

fn header(name: &str, value: String) -> HeaderValue {
    HeaderValue {
        key: name.to_string(),
        value,
    }
}
