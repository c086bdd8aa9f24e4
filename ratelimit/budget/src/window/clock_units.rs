//! Windows of the clock: they start when the zone's clock shows a whole second, minute or hour.

use jiff::{Timestamp, tz::TimeZone};

use super::Window;

/// The window of `unit_s` seconds that contains `now`; none beyond the calendar.
pub(super) fn containing(unit_s: i64, zone: &TimeZone, now: Timestamp) -> Option<Window> {
    Some(Window::between(
        latest_start(unit_s, zone, now)?,
        next_start(unit_s, zone, now)?,
    ))
}

/// The latest instant, `now` included, at which the clock showed a multiple of the unit.
fn latest_start(unit_s: i64, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let mut at_s = floor_s(now);
    loop {
        let at = Timestamp::from_second(at_s).ok()?;
        let start_s = at_s - local_s(zone, at).rem_euclid(unit_s);
        // The offset used above holds only since the last change of the clock, if that is later.
        let after = Timestamp::from_second(at_s + 1).ok()?;
        match zone.preceding(after).next() {
            Some(change) if start_s < floor_s(change.timestamp()) => {
                at_s = floor_s(change.timestamp()) - 1;
            }
            _ => return Timestamp::from_second(start_s).ok(),
        }
    }
}

/// The first instant after `now` at which the clock shows a multiple of the unit.
fn next_start(unit_s: i64, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let now_s = floor_s(now);
    let mut from = Timestamp::from_second(now_s).ok()?;
    // `now` itself does not count; the instant of a later change does.
    let mut next_s = now_s + unit_s - local_s(zone, from).rem_euclid(unit_s);
    loop {
        match zone.following(from).next() {
            Some(change) if floor_s(change.timestamp()) <= next_s => {
                from = change.timestamp();
                let past = local_s(zone, from).rem_euclid(unit_s);
                next_s = floor_s(from) + (unit_s - past) % unit_s;
            }
            _ => return Timestamp::from_second(next_s).ok(),
        }
    }
}

/// What the clock shows at `at`, in seconds since the civil epoch.
fn local_s(zone: &TimeZone, at: Timestamp) -> i64 {
    floor_s(at) + i64::from(zone.to_offset(at).seconds())
}

fn floor_s(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(1_000)
}
