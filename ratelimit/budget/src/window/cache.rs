//! The present windows, so that the calendar is consulted once per window and not per request.

use std::{collections::HashMap, sync::Arc};

use tollgate_bundle::WindowKind;

use super::{Window, Zone, parse_zone, sliding};

/// Names kept at most; more than the time zone database has.
const ZONES_MAX: usize = 1_024;

/// Remembers each zone and its present windows.
#[derive(Debug, Default)]
pub struct WindowCache {
    zones: HashMap<Arc<str>, Present>,
}

#[derive(Debug)]
struct Present {
    zone: Zone,
    // Indexed by the kind.
    windows: [Option<Window>; KINDS],
}

/// Calendar kinds; the others have no window to remember.
const KINDS: usize = 7;

// === impl WindowCache ===

impl WindowCache {
    /// The window of `kind` in the zone of that name that contains `now_ms`. A name that is not
    /// one (the controller refuses those) counts as UTC: the limit holds, on another calendar.
    pub fn window(&mut self, kind: WindowKind, zone: &Arc<str>, now_ms: i64) -> Window {
        match kind {
            WindowKind::Lifetime => return Window::ENDLESS,
            WindowKind::Sliding(span_ms) => return sliding::bucket(span_ms, now_ms),
            _ => {}
        }
        if let Some(present) = self.zones.get_mut(zone) {
            return present.window(kind, now_ms);
        }
        if self.zones.len() >= ZONES_MAX {
            self.zones.clear();
        }
        let present = Present {
            zone: parse_zone(zone).unwrap_or_else(|_| Zone::utc()),
            windows: [None; KINDS],
        };
        self.zones
            .entry(Arc::clone(zone))
            .or_insert(present)
            .window(kind, now_ms)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.zones.len()
    }
}

// === impl Present ===

impl Present {
    fn window(&mut self, kind: WindowKind, now_ms: i64) -> Window {
        let Some(known) = index(kind).and_then(|index| self.windows.get_mut(index)) else {
            return Window::containing(kind, &self.zone, now_ms);
        };
        match *known {
            Some(window) if window.contains(now_ms) => window,
            _ => *known.insert(Window::containing(kind, &self.zone, now_ms)),
        }
    }
}

fn index(kind: WindowKind) -> Option<usize> {
    match kind {
        WindowKind::Second => Some(0),
        WindowKind::Minute => Some(1),
        WindowKind::Hour => Some(2),
        WindowKind::Day => Some(3),
        WindowKind::Week => Some(4),
        WindowKind::Month => Some(5),
        WindowKind::Year => Some(6),
        WindowKind::Lifetime | WindowKind::Sliding(_) => None,
    }
}
