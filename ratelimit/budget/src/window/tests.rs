//! Windows on the days when calendars are odd, and their properties on all others.

use std::sync::Arc;

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;

const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Antarctica/Troll",
];

const KINDS: [WindowKind; 7] = [
    WindowKind::Second,
    WindowKind::Minute,
    WindowKind::Hour,
    WindowKind::Day,
    WindowKind::Week,
    WindowKind::Month,
    WindowKind::Year,
];

fn zone(name: &str) -> Zone {
    parse_zone(name).expect("a zone")
}

/// The window that contains an instant: `2026-03-10T12:00:00Z`.
fn window(kind: WindowKind, name: &str, at: &str) -> Window {
    let at: Timestamp = at.parse().expect("an instant");
    Window::containing(kind, &zone(name), at.as_millisecond())
}

/// `start..end` in UTC.
fn check(kind: WindowKind, name: &str, at: &str, expect: (&str, &str)) {
    let window = window(kind, name, at);
    let show = |ms| {
        Timestamp::from_millisecond(ms)
            .expect("an instant")
            .to_string()
    };
    let found = (show(window.start_ms), show(window.end_ms));
    assert_eq!(
        (found.0.as_str(), found.1.as_str()),
        expect,
        "{kind:?} in {name} at {at}"
    );
}

#[test]
fn zone_names_parsed() {
    for name in ZONES {
        assert!(parse_zone(name).is_ok(), "{name}");
    }
    assert_eq!(parse_zone("utc"), Ok(zone("UTC")));
    for name in [
        "",
        "Madrid",
        "Europe/Atlantis",
        "Etc/Unknown",
        "+02:00",
        "EST5EDT4,M3",
    ] {
        let invalid = parse_zone(name).expect_err(name);
        assert_eq!(
            invalid.to_string(),
            format!("time zones are IANA names such as `Europe/Madrid`; {name:?} is not one")
        );
    }
}

#[test]
fn plain_windows_aligned() {
    let at = "2026-03-11T12:34:56.789Z";
    let utc = |kind, from, to| check(kind, "UTC", at, (from, to));
    utc(
        WindowKind::Second,
        "2026-03-11T12:34:56Z",
        "2026-03-11T12:34:57Z",
    );
    utc(
        WindowKind::Minute,
        "2026-03-11T12:34:00Z",
        "2026-03-11T12:35:00Z",
    );
    utc(
        WindowKind::Hour,
        "2026-03-11T12:00:00Z",
        "2026-03-11T13:00:00Z",
    );
    utc(
        WindowKind::Day,
        "2026-03-11T00:00:00Z",
        "2026-03-12T00:00:00Z",
    );
    utc(
        WindowKind::Week,
        "2026-03-09T00:00:00Z",
        "2026-03-16T00:00:00Z",
    );
    utc(
        WindowKind::Month,
        "2026-03-01T00:00:00Z",
        "2026-04-01T00:00:00Z",
    );
}

#[test]
fn edges_belong_to_the_later_window() {
    let day = WindowKind::Day;
    let (first, next) = ("2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z");
    check(day, "UTC", first, (first, next));
    check(day, "UTC", "2026-03-10T23:59:59.999Z", (first, next));
    check(day, "UTC", next, (next, "2026-03-12T00:00:00Z"));
}

#[test]
fn instants_before_the_epoch_and_beyond_the_calendar() {
    check(
        WindowKind::Hour,
        "UTC",
        "1969-12-31T23:59:59.5Z",
        ("1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"),
    );
    for now_ms in [i64::MIN, i64::MAX - 1] {
        for kind in KINDS {
            assert!(Window::containing(kind, &zone("Europe/Madrid"), now_ms).contains(now_ms));
        }
    }
}

#[test]
fn days_of_23_and_25_hours_where_the_clock_changes() {
    let day = WindowKind::Day;
    let madrid = "Europe/Madrid";
    check(
        day,
        madrid,
        "2026-03-29T12:00:00Z",
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
    );
    check(
        day,
        madrid,
        "2026-10-25T12:00:00Z",
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
    );
}

#[test]
fn hour_shown_twice_is_two_windows() {
    let hour = WindowKind::Hour;
    let madrid = "Europe/Madrid";
    check(
        hour,
        madrid,
        "2026-10-25T00:30:00Z",
        ("2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
    );
    check(
        hour,
        madrid,
        "2026-10-25T01:30:00Z",
        ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
    );
    check(
        hour,
        madrid,
        "2026-03-29T01:00:00Z",
        ("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
    );
}

#[test]
fn hours_of_zones_with_odd_offsets_start_at_whole_local_hours() {
    let hour = WindowKind::Hour;
    // +05:45 and +05:30.
    check(
        hour,
        "Asia/Kathmandu",
        "2026-03-10T12:10:00Z",
        ("2026-03-10T11:15:00Z", "2026-03-10T12:15:00Z"),
    );
    check(
        hour,
        "Asia/Kolkata",
        "2026-03-10T12:40:00Z",
        ("2026-03-10T12:30:00Z", "2026-03-10T13:30:00Z"),
    );
}

#[test]
fn hour_goes_on_where_the_clock_moves_by_half_an_hour() {
    let hour = WindowKind::Hour;
    let name = "Australia/Lord_Howe";
    // 2026-04-05T02:00+11:00 becomes 01:30+10:30: the hour from 01:00 lasts 90 minutes.
    let long = ("2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z");
    check(hour, name, "2026-04-04T14:59:59Z", long);
    check(hour, name, "2026-04-04T15:00:00Z", long);
    check(
        hour,
        name,
        "2026-04-04T15:30:00Z",
        ("2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"),
    );
    // 2026-10-04T02:00+10:30 becomes 02:30+11:00: no whole hour is shown between 01:00 and 03:00.
    let long = ("2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z");
    check(hour, name, "2026-10-03T15:29:59Z", long);
    check(hour, name, "2026-10-03T15:30:00Z", long);
    check(
        hour,
        name,
        "2026-10-03T16:00:00Z",
        ("2026-10-03T16:00:00Z", "2026-10-03T17:00:00Z"),
    );
}

#[test]
fn day_without_midnight_starts_at_its_first_instant() {
    // 2018-11-04 in Sao Paulo began at 01:00-02:00; the day has 23 hours.
    let name = "America/Sao_Paulo";
    check(
        WindowKind::Day,
        name,
        "2018-11-04T03:00:00Z",
        ("2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
    );
    check(
        WindowKind::Day,
        name,
        "2018-11-04T02:59:59Z",
        ("2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"),
    );
    // 2018-02-18T00:00-02:00 became 23:00-03:00 of the 17th, which has 25 hours.
    check(
        WindowKind::Day,
        name,
        "2018-02-18T02:30:00Z",
        ("2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"),
    );
}

#[test]
fn instants_between_a_jump_over_midnight_and_the_midnight_it_skipped_belong_to_the_day_before() {
    // Toronto, 1919-03-30T23:30-05:00 became 00:30-04:00 of the 31st.
    let name = "America/Toronto";
    let edge = "1919-03-31T05:00:00Z";
    let day = WindowKind::Day;
    check(
        day,
        name,
        "1919-03-31T04:45:00Z",
        ("1919-03-30T05:00:00Z", edge),
    );
    check(day, name, edge, (edge, "1919-04-01T04:00:00Z"));
}

#[test]
fn midnight_shown_twice_starts_one_day() {
    // St. John's, 2010-11-07T00:01-02:30 became 23:01-03:30 of the 6th.
    let seventh = ("2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z");
    let name = "America/St_Johns";
    check(WindowKind::Day, name, "2010-11-07T02:30:30Z", seventh);
    check(WindowKind::Day, name, "2010-11-07T03:00:00Z", seventh);
    check(WindowKind::Day, name, "2010-11-07T03:30:00Z", seventh);
}

#[test]
fn date_that_the_calendar_skips_has_no_window() {
    // Apia went from 2011-12-29 to 2011-12-31.
    let name = "Pacific/Apia";
    let edge = "2011-12-30T10:00:00Z";
    check(
        WindowKind::Day,
        name,
        "2011-12-30T09:59:59Z",
        ("2011-12-29T10:00:00Z", edge),
    );
    check(WindowKind::Day, name, edge, (edge, "2011-12-31T10:00:00Z"));
    check(
        WindowKind::Week,
        name,
        edge,
        ("2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z"),
    );
}

#[test]
fn months_are_calendar_months() {
    let month = WindowKind::Month;
    check(
        month,
        "UTC",
        "2028-02-29T23:59:59Z",
        ("2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
    );
    check(
        month,
        "UTC",
        "2027-02-28T12:00:00Z",
        ("2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"),
    );
    check(
        month,
        "UTC",
        "2026-12-31T12:00:00Z",
        ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    );
    // March of New York has the change to summer time in it.
    check(
        month,
        "America/New_York",
        "2026-03-31T12:00:00Z",
        ("2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"),
    );
}

#[test]
fn weeks_start_on_monday_across_years() {
    check(
        WindowKind::Week,
        "UTC",
        "2027-01-01T12:00:00Z",
        ("2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
    );
    check(
        WindowKind::Week,
        "Europe/Madrid",
        "2026-03-29T21:59:59Z",
        ("2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"),
    );
}

#[test]
fn years_are_calendar_years_of_the_zone() {
    let year = WindowKind::Year;
    check(
        year,
        "UTC",
        "2028-12-31T23:59:59.999Z",
        ("2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z"),
    );
    check(
        year,
        "Asia/Kathmandu",
        "2026-12-31T18:15:00Z",
        ("2026-12-31T18:15:00Z", "2027-12-31T18:15:00Z"),
    );
    // Apia skipped 2011-12-30: that year ended where the zone was already 14 hours ahead.
    check(
        year,
        "Pacific/Apia",
        "2011-12-30T12:00:00Z",
        ("2011-01-01T10:00:00Z", "2011-12-31T10:00:00Z"),
    );
}

#[test]
fn lifetime_is_all_time() {
    for now_ms in [i64::MIN, 0, i64::MAX - 1] {
        let window = Window::containing(WindowKind::Lifetime, &zone("Europe/Madrid"), now_ms);
        assert_eq!(window, Window::ENDLESS);
        assert!(window.contains(now_ms));
        assert_eq!(window.reset_ms(now_ms), u64::MAX);
    }
}

#[test]
fn sliding_bucket_is_a_twentieth_rounded_up() {
    for (span_ms, bucket_ms) in [
        (0, 1),
        (1_000, 50),
        (1_001, 51),
        (80_000, 4_000),
        (86_400_000, 4_320_000),
    ] {
        assert_eq!(sliding::bucket_ms(span_ms), bucket_ms);
    }
    let bucket = Window::containing(WindowKind::Sliding(80_000), &zone("Asia/Kolkata"), 84_001);
    assert_eq!((bucket.start_ms, bucket.end_ms), (84_000, 168_000));
    // No span is too long, and no time too far.
    for now_ms in [i64::MIN, 0, i64::MAX] {
        let bucket = sliding::bucket(u64::MAX, now_ms);
        assert!(bucket.start_ms <= now_ms && now_ms <= bucket.end_ms);
    }
}

#[test]
fn kinds_in_words() {
    assert_eq!(words(WindowKind::Day), "Day");
    assert_eq!(words(WindowKind::Sliding(3_600_000)), "Sliding 1h");
    assert_eq!(words(WindowKind::Sliding(90_500)), "Sliding 1m30s500ms");
}

#[test]
fn cache_follows_time_both_ways_and_keeps_zones_apart() {
    let mut cache = WindowCache::default();
    let madrid: Arc<str> = Arc::from("Europe/Madrid");
    let utc: Arc<str> = Arc::from("UTC");
    let noon: Timestamp = "2026-03-10T12:00:00Z".parse().expect("an instant");
    let noon_ms = noon.as_millisecond();
    for step in [0, 3_600_000, 86_400_000, -86_400_000] {
        for kind in KINDS {
            for name in [&madrid, &utc] {
                let now_ms = noon_ms + step;
                let expect = Window::containing(kind, &zone(name), now_ms);
                assert_eq!(cache.window(kind, name, now_ms), expect);
            }
        }
    }
}

#[test]
fn cache_is_bounded_and_unknown_zones_count_as_utc() {
    let mut cache = WindowCache::default();
    for n in 0..5_000 {
        let name: Arc<str> = Arc::from(format!("Nowhere/{n}"));
        let window = cache.window(WindowKind::Day, &name, 86_400_000);
        assert_eq!((window.start_ms, window.end_ms), (86_400_000, 172_800_000));
    }
    assert!(cache.len() <= 1_024);
}

/// Instants from 1970 to 2100, half of them within a day of a change of some clock.
fn instants() -> impl Strategy<Value = (&'static str, i64)> {
    let zones = proptest::sample::select(&ZONES[..]);
    let anywhere = 0..4_102_444_800_000_i64;
    let near = (anywhere.clone(), -86_400_000..86_400_000_i64, 0..4_i64);
    (zones, anywhere, near, any::<bool>()).prop_map(|(name, plain, near, odd)| {
        let (around, shift, scale) = near;
        let at = Timestamp::from_millisecond(around).expect("within the calendar");
        let zone = zone(name);
        let change = zone.time_zone().following(at).next();
        match change {
            // Small shifts as likely as large ones.
            Some(change) if odd => (
                name,
                change.timestamp().as_millisecond() + shift / 60_i64.pow(scale.min(3) as u32),
            ),
            _ => (name, plain),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn windows_tile_time(
        (name, now_ms) in instants(),
        kind in proptest::sample::select(&KINDS[..]),
        part in 0.0..1.0_f64,
    ) {
        let zone = zone(name);
        let at = |ms| Window::containing(kind, &zone, ms);
        let window = at(now_ms);
        prop_assert!(window.contains(now_ms), "{window:?}");
        prop_assert_eq!(at(window.start_ms), window);
        prop_assert_eq!(at(window.end_ms - 1), window);
        let length_ms = window.end_ms - window.start_ms;
        let inside = window.start_ms + (length_ms as f64 * part) as i64;
        prop_assert_eq!(at(inside), window);
        prop_assert_eq!(at(window.end_ms).start_ms, window.end_ms);
        prop_assert_eq!(at(window.start_ms - 1).end_ms, window.start_ms);
        let longest_ms = match kind {
            WindowKind::Second => 1_000,
            WindowKind::Minute => 60_000,
            WindowKind::Hour => 2 * 3_600_000,
            // Troll turns its clock back by two hours.
            WindowKind::Day => 26 * 3_600_000,
            WindowKind::Week => (7 * 24 + 2) * 3_600_000,
            WindowKind::Month => (31 * 24 + 2) * 3_600_000,
            WindowKind::Year => (366 * 24 + 2) * 3_600_000,
            WindowKind::Lifetime | WindowKind::Sliding(_) => i64::MAX,
        };
        prop_assert!(length_ms <= longest_ms, "{length_ms}");
    }

    /// What the zone's clock shows at the start, wherever it does not change there.
    #[test]
    fn windows_start_on_whole_units_of_the_local_clock(
        (name, now_ms) in instants(),
        kind in proptest::sample::select(&KINDS[..]),
    ) {
        let zone = zone(name);
        let start = Timestamp::from_millisecond(Window::containing(kind, &zone, now_ms).start_ms)
            .expect("within the calendar");
        let shown: DateTime = zone.time_zone().to_datetime(start);
        prop_assert_eq!(shown.subsec_nanosecond(), 0);
        if kind >= WindowKind::Minute {
            prop_assert_eq!(shown.second(), 0);
        }
        if kind == WindowKind::Hour {
            prop_assert_eq!(shown.minute(), 0);
        }
        if kind >= WindowKind::Day {
            let before = start - jiff::SignedDuration::from_millis(1);
            prop_assert!(zone.time_zone().to_datetime(before).date() < shown.date());
            let date = shown.date();
            // Friday, 2011-12-30 is the one date skipped; it starts no week, month or year.
            prop_assert!(kind != WindowKind::Week || date.weekday() == jiff::civil::Weekday::Monday);
            prop_assert!(kind != WindowKind::Month || date.day() == 1);
            prop_assert!(kind != WindowKind::Year || date.day_of_year() == 1);
        }
    }

    /// Whatever is spent within a span of now counts; whatever is older than a span and a bucket
    /// does not; and there are never more than 21 buckets to keep.
    #[test]
    fn sliding_charge_counts_for_the_span_and_at_most_a_bucket_more(
        span_ms in prop_oneof![1_000..100_000_u64, 1_000..100_000_000_u64],
        then_ms in -200_000_000..4_102_444_800_000_i64,
        part in 0.0..1.2_f64,
    ) {
        let bucket = sliding::bucket(span_ms, then_ms);
        prop_assert!(bucket.start_ms <= then_ms);
        prop_assert_eq!(sliding::starting_at(span_ms, bucket.start_ms), bucket);
        let age_ms = (span_ms as f64 * part) as u64;
        let counts = bucket.contains(then_ms.saturating_add_unsigned(age_ms));
        prop_assert!(counts || age_ms > span_ms, "{age_ms} {bucket:?}");
        prop_assert!(!counts || age_ms < span_ms + sliding::bucket_ms(span_ms));
        let now_ms = then_ms.saturating_add_unsigned(age_ms);
        let oldest_ms = now_ms.saturating_sub_unsigned(2 * span_ms + 100);
        let mut counting = 0;
        let mut start_ms = sliding::bucket(span_ms, oldest_ms).start_ms;
        while start_ms <= now_ms {
            counting += u32::from(sliding::starting_at(span_ms, start_ms).contains(now_ms));
            start_ms = start_ms.saturating_add_unsigned(sliding::bucket_ms(span_ms));
        }
        prop_assert!((20..=21).contains(&counting), "{counting}");
    }
}
