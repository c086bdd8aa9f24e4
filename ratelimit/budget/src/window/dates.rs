//! Windows of the calendar: days, ISO weeks, months, from local midnight to local midnight.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tollgate_bundle::WindowKind;

use super::Window;

/// Steps from the window of the civil date to the one that contains the instant. One is enough
/// for every change of a clock on record; the bound makes the loop's end plain.
const STEPS_MAX: usize = 4;

/// The window of days, weeks or months that contains `now`; none beyond the calendar.
///
/// The windows are the spans between the starts of successive periods, whatever date the clock
/// shows in between: St. John's once turned its clock back from 00:01 to 23:01 of the day before,
/// and that hour belongs to the day that had already begun.
pub(super) fn containing(kind: WindowKind, zone: &TimeZone, now: Timestamp) -> Option<Window> {
    let mut first = first_date(kind, zone.to_datetime(now).date())?;
    for _ in 0..STEPS_MAX {
        let next = next_first(kind, first)?;
        let start = zone.to_timestamp(first.at(0, 0, 0, 0)).ok()?;
        let end = zone.to_timestamp(next.at(0, 0, 0, 0)).ok()?;
        if now < start {
            first = first_date(kind, first.yesterday().ok()?)?;
        } else if now >= end {
            first = next;
        } else {
            return Some(Window::between(start, end));
        }
    }
    None
}

/// The first date of the period that `date` is in.
fn first_date(kind: WindowKind, date: Date) -> Option<Date> {
    match kind {
        WindowKind::Year => Some(date.first_of_year()),
        WindowKind::Month => Some(date.first_of_month()),
        WindowKind::Week => {
            let since_monday = i32::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(jiff::Span::new().days(since_monday)).ok()
        }
        _ => Some(date),
    }
}

/// The first date of the period after the one that starts on `first`.
fn next_first(kind: WindowKind, first: Date) -> Option<Date> {
    match kind {
        WindowKind::Year => first.last_of_year().tomorrow().ok(),
        WindowKind::Month => first.last_of_month().tomorrow().ok(),
        WindowKind::Week => first.checked_add(jiff::Span::new().days(7)).ok(),
        _ => first.tomorrow().ok(),
    }
}
