//! What an operator may choose about the store.

use std::time::Duration;

use tollgate_budget::Clock;
use tollgate_secret::Secret;

/// Longest lifetime of a hold, and of the memory of a settled one: a day.
const HOLD_LIFETIME_MS_MAX: u64 = 86_400_000;
/// Longest wait for an answer or a connection.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Characters of a prefix.
const PREFIX_MAX: usize = 64;

/// Options of a [`crate::RedisStore`].
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Part of every key's name, and its hash tag. Gateways that share budgets share it. 1 to 64
    /// letters, digits, `.`, `_` or `-`.
    pub prefix: String,
    /// A hold that is neither renewed nor settled stops counting after this long: 1 ms to a day.
    pub hold_lifetime_ms: u64,
    /// How long a settled hold is remembered, so that a settlement whose answer was lost charges
    /// nothing when it is delivered again: at least two hold lifetimes, at most a day. Longer than
    /// outages of the server may last; each call of that time takes some 200 bytes there.
    pub settled_lifetime_ms: u64,
    /// Takes the place of a password in the URL.
    pub password: Option<Secret<String>>,
    /// Certificate authorities (PEM) to trust instead of the system's, for TLS.
    pub ca_pem: Option<String>,
    /// Longest wait for a connection; at most a minute.
    pub connect_timeout: Duration,
    /// Longest wait of a call for its answer; at most a minute.
    pub response_timeout: Duration,
    /// This machine's clock, from which the server's time is estimated.
    pub local_clock: Clock,
    /// Tests only: the time, instead of the server's.
    pub test_clock: Option<Clock>,
}

/// An option breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOptions {
    /// The prefix.
    #[error(
        "redis prefix {0:?}: a prefix is 1 to {PREFIX_MAX} letters, digits, `.`, `_` or `-` (it is \
         the hash tag of every key)"
    )]
    Prefix(String),
    /// The hold lifetime.
    #[error("hold lifetime {0} ms: it is 1 to {HOLD_LIFETIME_MS_MAX} ms")]
    HoldLifetime(u64),
    /// The settled lifetime.
    #[error("settled lifetime {0} ms: it is at most {HOLD_LIFETIME_MS_MAX} ms")]
    SettledLifetime(u64),
    /// A timeout.
    #[error("{what} {}ms: it is 1 to {} ms", .given.as_millis(), TIMEOUT_MAX.as_millis())]
    Timeout {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        given: Duration,
    },
}

// === impl RedisOptions ===

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "tollgate".to_owned(),
            hold_lifetime_ms: 30_000,
            settled_lifetime_ms: 600_000,
            password: None,
            ca_pem: None,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(1),
            local_clock: Clock::system(),
            test_clock: None,
        }
    }
}

impl RedisOptions {
    pub(crate) fn check(&self) -> Result<(), InvalidOptions> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(1..=PREFIX_MAX).contains(&self.prefix.len()) || !self.prefix.chars().all(plain) {
            return Err(InvalidOptions::Prefix(self.prefix.clone()));
        }
        if !(1..=HOLD_LIFETIME_MS_MAX).contains(&self.hold_lifetime_ms) {
            return Err(InvalidOptions::HoldLifetime(self.hold_lifetime_ms));
        }
        if self.settled_lifetime_ms > HOLD_LIFETIME_MS_MAX {
            return Err(InvalidOptions::SettledLifetime(self.settled_lifetime_ms));
        }
        for (what, given) in [
            ("connect timeout", self.connect_timeout),
            ("response timeout", self.response_timeout),
        ] {
            if !(Duration::from_millis(1)..=TIMEOUT_MAX).contains(&given) {
                return Err(InvalidOptions::Timeout { what, given });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_break_a_rule_name_it() {
        let bad = |edit: fn(&mut RedisOptions)| {
            let mut options = RedisOptions::default();
            edit(&mut options);
            options.check().map_err(|e| e.to_string())
        };
        assert_eq!(bad(|_| {}), Ok(()));
        for (edit, rule) in [
            (
                (|o| o.prefix = "a}b".to_owned()) as fn(&mut RedisOptions),
                "redis prefix \"a}b\"",
            ),
            (|o| o.prefix.clear(), "redis prefix \"\""),
            (|o| o.hold_lifetime_ms = 0, "hold lifetime 0 ms"),
            (
                |o| o.settled_lifetime_ms = 86_400_001,
                "settled lifetime 86400001 ms",
            ),
            (
                |o| o.response_timeout = Duration::ZERO,
                "response timeout 0ms",
            ),
            (|o| o.connect_timeout = Duration::MAX, "connect timeout"),
        ] {
            let error = bad(edit).expect_err(rule);
            assert!(error.starts_with(rule), "{error}");
        }
    }

    #[test]
    fn options_print_no_password() {
        let options = RedisOptions {
            password: Some(Secret::new("hunter2".to_owned())),
            ..RedisOptions::default()
        };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
