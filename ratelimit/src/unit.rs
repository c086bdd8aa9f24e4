//! Units of time: the numbers of `RateLimitResponse.RateLimit.Unit` and `RateLimitUnit`, which
//! agree, and the ledger's windows.

use tollgate_bundle::WindowKind;

const UNKNOWN: i32 = 0;
const SECOND: i32 = 1;
const MINUTE: i32 = 2;
const HOUR: i32 = 3;
const DAY: i32 = 4;
const MONTH: i32 = 5;
const YEAR: i32 = 6;
const WEEK: i32 = 7;

/// The unit of a window; unknown for one that no unit describes.
pub(crate) fn of_window(window: WindowKind) -> i32 {
    match window {
        WindowKind::Second | WindowKind::Sliding(1_000) => SECOND,
        WindowKind::Minute | WindowKind::Sliding(60_000) => MINUTE,
        WindowKind::Hour | WindowKind::Sliding(3_600_000) => HOUR,
        WindowKind::Day | WindowKind::Sliding(86_400_000) => DAY,
        WindowKind::Week | WindowKind::Sliding(604_800_000) => WEEK,
        WindowKind::Month => MONTH,
        WindowKind::Year => YEAR,
        WindowKind::Lifetime | WindowKind::Sliding(_) => UNKNOWN,
    }
}

/// The window of a unit; none for an unknown one.
pub(crate) fn to_window(unit: i32) -> Option<WindowKind> {
    Some(match unit {
        SECOND => WindowKind::Second,
        MINUTE => WindowKind::Minute,
        HOUR => WindowKind::Hour,
        DAY => WindowKind::Day,
        WEEK => WindowKind::Week,
        MONTH => WindowKind::Month,
        YEAR => WindowKind::Year,
        _ => return None,
    })
}

/// How long a unit is, as Envoy writes it in `x-ratelimit-limit`: months have 30 days there.
pub(crate) fn seconds(unit: i32) -> Option<u32> {
    const DAY_SECONDS: u32 = 24 * 60 * 60;
    Some(match unit {
        SECOND => 1,
        MINUTE => 60,
        HOUR => 60 * 60,
        DAY => DAY_SECONDS,
        WEEK => 7 * DAY_SECONDS,
        MONTH => 30 * DAY_SECONDS,
        YEAR => 365 * DAY_SECONDS,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tollgate_bundle::WindowKind;

    use super::{of_window, seconds, to_window};

    #[test]
    fn every_unit_is_the_unit_of_its_window() {
        for unit in 1..=7 {
            let window = to_window(unit).unwrap();
            assert_eq!(of_window(window), unit, "{window:?}");
            assert!(seconds(unit).is_some(), "{window:?}");
        }
        assert_eq!((to_window(0), to_window(8)), (None, None));
        assert_eq!(seconds(0), None);
    }

    #[test]
    fn a_sliding_window_has_the_unit_of_its_length_where_there_is_one() {
        assert_eq!(of_window(WindowKind::Sliding(60_000)), 2);
        assert_eq!(of_window(WindowKind::Sliding(90_000)), 0);
        assert_eq!(of_window(WindowKind::Lifetime), 0);
    }
}
