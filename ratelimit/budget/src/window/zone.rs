//! Time zones, from the database that is compiled in: every replica of a version agrees on them,
//! whatever its machine has installed.

use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone with its whole history and future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// The name is not one of the IANA time zone database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time zones are IANA names such as `Europe/Madrid`; {name:?} is not one")]
pub struct InvalidZone {
    /// What was written.
    pub name: String,
}

/// Reads an IANA name, in any case: `UTC`, `Europe/Madrid`.
pub fn parse_zone(name: &str) -> Result<Zone, InvalidZone> {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let invalid = || InvalidZone {
        name: name.to_owned(),
    };
    let zone = DATABASE
        .get_or_init(TimeZoneDatabase::bundled)
        .get(name)
        .map_err(|_| invalid())?;
    // `Etc/Unknown` is a name for "no zone known" that behaves like UTC.
    if zone.is_unknown() {
        return Err(invalid());
    }
    Ok(Zone(zone))
}

// === impl Zone ===

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    pub(super) fn time_zone(&self) -> &TimeZone {
        &self.0
    }
}
