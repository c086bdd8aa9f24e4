//! How much an operator grants: whole units, or for a budget in money its currency.

use serde::Deserialize;
use tollgate_bundle::Meter;

use super::{
    problem::Problem,
    view::{Kind, View},
};

/// Decimal places of a limit in money: 10⁻¹² of the currency.
const MONEY_PLACES: usize = 12;

/// An amount as written.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Amount {
    /// Units of the budget's limits, as `/v1/budgets` shows them.
    Units(u64),
    /// As people write it: `50000`; for a budget in money `12.50`, in its currency.
    Text(String),
}

// === impl Amount ===

impl Amount {
    /// In units of the budget's limits.
    pub(super) fn units(&self, budget: &View<'_>) -> Result<u64, Problem> {
        let is_money =
            matches!(budget.kind, Kind::Budget(budget) if matches!(budget.meter, Meter::Money(_)));
        let units = match self {
            Self::Units(units) => Some(*units),
            Self::Text(text) if is_money => decimal(text, MONEY_PLACES),
            Self::Text(text) => decimal(text, 0),
        };
        match units {
            Some(units) if units > 0 && i64::try_from(units).is_ok() => Ok(units),
            _ => Err(Problem::Invalid(self.refusal(budget, is_money))),
        }
    }

    fn refusal(&self, budget: &View<'_>, is_money: bool) -> String {
        let written = match self {
            Self::Units(units) => units.to_string(),
            Self::Text(text) => format!("{text:?}"),
        };
        if is_money {
            return format!(
                "amount must be above 0 and at most {} of the currency, like 12.50; {written} is not",
                i64::MAX / 10_i64.pow(12)
            );
        }
        let (max, unit) = (i64::MAX, budget.unit());
        format!("amount must be between 1 and {max} {unit}; {written} is not")
    }
}

/// `12.5` with 2 places: 1250. Nothing is rounded.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let written_well = !whole.is_empty() && !text.ends_with('.') && rest.len() <= places;
    if !written_well || !is_digits(whole) || !is_digits(rest) {
        return None;
    }
    format!("{whole}{rest:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, places, units) in [
            ("12.5", 2, Some(1_250)),
            ("12", 2, Some(1_200)),
            ("0.000000000001", 12, Some(1)),
            ("50000", 0, Some(50_000)),
            ("1.005", 2, None),
            ("1.", 2, None),
            (".5", 2, None),
            ("-1", 2, None),
            ("1e3", 2, None),
            ("1.5", 0, None),
            ("99999999999999999999", 0, None),
        ] {
            assert_eq!(decimal(text, places), units, "{text}");
        }
    }
}
