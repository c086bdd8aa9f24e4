//! Durations as Gateway API writes them (GEP-2257): `5s`, `1h30m`, `100ms`.
//!
//! Read from any object's field; handed on in milliseconds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// GEP-2257: at most four parts of at most five digits.
const PATTERN: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
const PARTS_MAX: usize = 4;
const DIGITS_MAX: usize = 5;

/// A span of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    millis: u64,
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "duration {text:?} must be 1 to 4 numbers of at most 5 digits, each followed by h, m, s or ms: 1h30m, 5s, 100ms"
)]
pub struct DurationError {
    /// The text as written.
    pub text: String,
}

// === impl Duration ===

impl Duration {
    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// Length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// Reads a GEP-2257 duration.
    ///
    /// # Errors
    /// When the text does not follow GEP-2257.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        parse_millis(text)
            .map(Self::from_millis)
            .ok_or_else(|| DurationError {
                text: text.to_string(),
            })
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        Self::parse(text)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_millis(duration.millis)
    }
}

/// Each unit once, greatest first; `0s` for nothing.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis == 0 {
            return f.write_str("0s");
        }
        let (hours, rest) = (self.millis / 3_600_000, self.millis % 3_600_000);
        let (minutes, rest) = (rest / 60_000, rest % 60_000);
        let (seconds, millis) = (rest / 1_000, rest % 1_000);
        for (count, unit) in [(hours, "h"), (minutes, "m"), (seconds, "s"), (millis, "ms")] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN})
    }
}

/// `None` when the text does not follow [`PATTERN`]. Five digits of hours, four times, stay far
/// below `u64::MAX` milliseconds.
fn parse_millis(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0;
    for _ in 0..PARTS_MAX {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > DIGITS_MAX {
            return None;
        }
        let (number, after) = rest.split_at(digits);
        let unit_len = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(unit_len);
        let unit_millis = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        total += number.parse::<u64>().ok()? * unit_millis;
        rest = after;
        if rest.is_empty() {
            return Some(total);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn durations_of_gep_2257_are_read_in_milliseconds() {
        for (text, millis) in [
            ("0s", 0),
            ("5s", 5_000),
            ("100ms", 100),
            ("1h30m", 5_400_000),
            ("1h1h", 7_200_000),
            ("99999h59m59s999ms", 359_999_999_999),
        ] {
            assert_eq!(
                Duration::parse(text).map(Duration::as_millis),
                Ok(millis),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_outside_gep_2257_are_refused_by_name() {
        for text in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            "100000s",
            "1d",
            "1s1s1s1s1s",
            "1s ",
            "1us",
        ] {
            let error = Duration::parse(text).unwrap_err();
            assert_eq!(error.text, text);
            assert!(error.to_string().contains("1 to 4 numbers"), "{error}");
        }
    }

    #[test]
    fn a_duration_prints_each_unit_once() {
        for (text, printed) in [("90m", "1h30m"), ("0ms", "0s"), ("1500ms", "1s500ms")] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), printed);
        }
    }
}
