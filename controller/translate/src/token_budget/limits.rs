//! Limits: amounts in the unit of the meter, windows, time zones.

use std::collections::BTreeSet;

use jiff::tz::TimeZoneDatabase;
use tollgate_bundle::{Limit, WindowKind};
use tollgate_crds::tollgate::{BudgetLimit, Lease, Meter, Window};

use crate::status::{Problem, reason};

/// The ledger counts money in millionths of what a limit is written in.
const MONEY_SCALE: u64 = 1_000_000;

/// Zone of a limit that names none.
const ZONE_DEFAULT: &str = "UTC";

/// What an amount is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Tokens,
    Requests,
    Cost,
}

/// An amount as it is written: one of these is set.
struct Amount {
    tokens: Option<u64>,
    requests: Option<u64>,
    cost: Option<u64>,
}

/// All limits of a budget, or everything that is wrong with them.
pub(super) fn build(limits: &[BudgetLimit], unit: Unit) -> Result<Vec<Limit>, Vec<Problem>> {
    let mut built = Vec::new();
    let mut problems = Vec::new();
    if limits.is_empty() {
        problems.push(invalid("spec.limits", "there is no limit"));
    }
    for (index, limit) in limits.iter().enumerate() {
        match build_one(limit, unit, &format!("spec.limits[{index}]")) {
            Ok(limit) => built.push(limit),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(built)
    } else {
        Err(problems)
    }
}

/// One limit; `field` is where it is written.
pub(super) fn build_one(limit: &BudgetLimit, unit: Unit, field: &str) -> Result<Limit, Problem> {
    let BudgetLimit {
        tokens,
        requests,
        cost,
        window,
        duration,
        time_zone,
    } = limit;
    let amount = Amount {
        tokens: *tokens,
        requests: *requests,
        cost: *cost,
    };
    Ok(Limit {
        amount: build_amount(&amount, unit, field)?,
        window: build_window(*window, duration.map(|it| it.as_millis()), field)?,
        time_zone: build_time_zone(time_zone.as_deref().unwrap_or(ZONE_DEFAULT), field)?,
    })
}

/// What each replica may serve by itself.
pub(super) fn build_lease(lease: &Lease, unit: Unit) -> Result<u64, Problem> {
    let Lease {
        tokens,
        requests,
        cost,
    } = *lease;
    let amount = Amount {
        tokens,
        requests,
        cost,
    };
    match build_amount(&amount, unit, "spec.lease")? {
        0 => Err(invalid("spec.lease", "must be at least 1")),
        amount => Ok(amount),
    }
}

/// What is right and perhaps not meant: limits of 0, and two of one window. Each limit comes with
/// the field of its amount.
pub(super) fn warnings<'a>(limits: impl Iterator<Item = (String, &'a Limit)>) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut seen = BTreeSet::new();
    for (field, limit) in limits {
        if limit.amount == 0 {
            let message = format!("{field}: 0 refuses every request");
            warnings.push(Problem::new(reason::ZERO_LIMIT, message));
        }
        if !seen.insert((limit.window, &limit.time_zone)) {
            warnings.push(Problem::new(
                reason::CONFLICTED,
                format!(
                    "{field}: an earlier limit has the same window ({:?}): only the smaller of both decides",
                    limit.window
                ),
            ));
        }
    }
    warnings
}

fn build_amount(amount: &Amount, unit: Unit, field: &str) -> Result<u64, Problem> {
    let Amount {
        tokens,
        requests,
        cost,
    } = *amount;
    let written = [
        (Unit::Tokens, tokens),
        (Unit::Requests, requests),
        (Unit::Cost, cost),
    ];
    let strange = written
        .iter()
        .any(|(it, amount)| *it != unit && amount.is_some());
    let amount = written
        .iter()
        .find_map(|(it, amount)| amount.filter(|_| *it == unit));
    let (Some(amount), false) = (amount, strange) else {
        let message = format!(
            "must have {}, the unit of its meter, and no other",
            unit.field()
        );
        return Err(invalid(field, &message));
    };
    let scale = match unit {
        Unit::Tokens | Unit::Requests => 1,
        Unit::Cost => MONEY_SCALE,
    };
    let max = i64::MAX.unsigned_abs();
    amount
        .checked_mul(scale)
        .filter(|scaled| *scaled <= max)
        .ok_or_else(|| {
            let field = format!("{field}.{}", unit.field());
            invalid(&field, &format!("{amount} must be at most {}", max / scale))
        })
}

fn build_window(
    window: Window,
    duration_ms: Option<u64>,
    field: &str,
) -> Result<WindowKind, Problem> {
    Ok(match window {
        Window::Second => WindowKind::Second,
        Window::Minute => WindowKind::Minute,
        Window::Hour => WindowKind::Hour,
        Window::Day => WindowKind::Day,
        Window::Week => WindowKind::Week,
        Window::Month => WindowKind::Month,
        Window::Year => WindowKind::Year,
        Window::Lifetime => WindowKind::Lifetime,
        Window::Sliding => match duration_ms {
            Some(ms) if BudgetLimit::SLIDING_MS.contains(&ms) => WindowKind::Sliding(ms),
            _ => {
                let field = format!("{field}.duration");
                let rule = "a window Sliding has one of at least 1s and at most 8784h (366 days)";
                return Err(invalid(&field, rule));
            }
        },
    })
}

/// The zone by its proper name. The database is the one we carry, so that a machine without one,
/// or with an old one, judges alike.
fn build_time_zone(text: &str, field: &str) -> Result<String, Problem> {
    match TimeZoneDatabase::bundled().get(text) {
        // `Etc/Unknown` is a name for "no zone known" that behaves like UTC.
        Ok(zone) if !zone.is_unknown() => Ok(zone.iana_name().unwrap_or(text).to_string()),
        Ok(_) | Err(_) => {
            let field = format!("{field}.timeZone");
            let rule = "is not a name of the IANA time zone database, such as Europe/Madrid";
            Err(invalid(&field, &format!("{text:?} {rule}")))
        }
    }
}

fn invalid(field: &str, message: &str) -> Problem {
    Problem::new(reason::INVALID, format!("{field}: {message}"))
}

// === impl Unit ===

impl Unit {
    pub(super) fn of(meter: Meter) -> Self {
        match meter {
            Meter::Requests => Self::Requests,
            Meter::Money => Self::Cost,
            Meter::Total
            | Meter::Input
            | Meter::Output
            | Meter::CachedInput
            | Meter::CacheWrite
            | Meter::Reasoning
            | Meter::Expression => Self::Tokens,
        }
    }

    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Cost => "cost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::build_time_zone;

    #[test]
    fn a_zone_is_kept_by_its_proper_name() {
        for (text, name) in [
            ("UTC", "UTC"),
            ("europe/MADRID", "Europe/Madrid"),
            ("Australia/Lord_Howe", "Australia/Lord_Howe"),
        ] {
            assert_eq!(build_time_zone(text, "f"), Ok(name.to_string()));
        }
    }

    #[test]
    fn what_is_no_zone_is_refused_by_name() {
        for text in [
            "",
            "Local",
            "Mars/Olympus",
            "Etc/Unknown",
            "etc/unknown",
            "UTC+1",
            "+01:00",
            "CET-1CEST",
            "../UTC",
            " UTC",
        ] {
            let problem = build_time_zone(text, "spec.limits[0]").unwrap_err();
            let start = format!("spec.limits[0].timeZone: {text:?} is not a name of the IANA");
            assert!(problem.message.starts_with(&start), "{problem:?}");
        }
    }
}
