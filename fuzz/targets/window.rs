//! Windows of any kind, zone and time: each contains its time, and they tile all of it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tollgate_budget::{
    Window, parse_zone,
    window::{WindowCache, sliding, words},
};
use tollgate_bundle::WindowKind;
use tollgate_fuzz::Settings;

/// Beyond the calendar there is one window without an end.
const CALENDAR_MS: u64 = 253_000_000_000_000;

fuzz_target!(|input: &[u8]| {
    let mut settings = Settings::new(input);
    let kind = kind(settings.byte(), settings.number());
    let now_ms = settings.number().cast_signed();
    let Ok(name) = std::str::from_utf8(settings.rest()) else {
        return;
    };
    assert!(!words(kind).is_empty());
    let window = match parse_zone(name) {
        Ok(zone) => {
            let window = Window::containing(kind, &zone, now_ms);
            if !matches!(kind, WindowKind::Sliding(_)) && now_ms.unsigned_abs() < CALENDAR_MS {
                check_tiles(window, now_ms, |ms| Window::containing(kind, &zone, ms));
            }
            window
        }
        Err(error) => {
            assert!(error.to_string().contains("time zones are IANA names"));
            Window::containing(kind, &parse_zone("UTC").expect("a zone"), now_ms)
        }
    };
    assert!(window.start_ms < window.end_ms, "{window:?}");
    assert!(window.contains(now_ms) || now_ms == i64::MAX, "{window:?}");
    let reset_ms = window.reset_ms(now_ms);
    assert!(reset_ms > 0 || now_ms == i64::MAX);
    let mut cache = WindowCache::default();
    let zone = Arc::from(name);
    for _ in 0..2 {
        assert_eq!(cache.window(kind, &zone, now_ms), window);
    }
    if let WindowKind::Sliding(span_ms) = kind {
        assert!(sliding::bucket_ms(span_ms) > 0);
        assert_eq!(
            sliding::bucket(span_ms, window.start_ms).start_ms,
            window.start_ms
        );
    }
});

fn kind(kind: u8, span_ms: u64) -> WindowKind {
    match kind % 9 {
        0 => WindowKind::Second,
        1 => WindowKind::Minute,
        2 => WindowKind::Hour,
        3 => WindowKind::Day,
        4 => WindowKind::Week,
        5 => WindowKind::Month,
        6 => WindowKind::Year,
        7 => WindowKind::Lifetime,
        _ => WindowKind::Sliding(span_ms),
    }
}

/// The windows before and behind this one touch it, and all of it is one window.
fn check_tiles(window: Window, now_ms: i64, containing: impl Fn(i64) -> Window) {
    if window == Window::ENDLESS {
        return;
    }
    assert!(window.contains(now_ms));
    assert_eq!(containing(window.start_ms), window);
    assert_eq!(containing(window.end_ms - 1), window);
    assert_eq!(containing(window.end_ms).start_ms, window.end_ms);
    assert_eq!(containing(window.start_ms - 1).end_ms, window.start_ms);
}
