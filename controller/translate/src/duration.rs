//! Durations of Gateway API (GEP-2257: `1h30m`, `250ms`) in milliseconds.

use std::str::FromStr;

use crate::status::{Problem, reason};

/// A duration, or `None` for zero, which asks for no limit.
pub(crate) fn parse_limit_ms(text: Option<&str>, field: &str) -> Result<Option<u64>, Problem> {
    Ok(parse_ms(text, field)?.filter(|ms| *ms != 0))
}

/// A duration.
pub(crate) fn parse_ms(text: Option<&str>, field: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = text else {
        return Ok(None);
    };
    let duration = gateway_api::Duration::from_str(text).map_err(|_| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: {text:?} is not a duration such as 10s, 250ms or 1h30m"),
        )
    })?;
    Ok(Some(
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    ))
}
