//! Amounts and windows in words, for callers.

use tollgate_bundle::WindowKind;

/// What an amount on an account is a number of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Tokens,
    Requests,
    /// Whatever a CEL expression gives.
    Cost,
    /// 10⁻¹² of this currency.
    Money(String),
}

/// 10¹²: of the ledger's units make one of the currency.
const MONEY: u64 = 1_000_000_000_000;

// === impl Unit ===

impl Unit {
    /// `tokens`, `requests`, `units`, `1e-12 USD`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Tokens => "tokens".to_string(),
            Self::Requests => "requests".to_string(),
            Self::Cost => "units".to_string(),
            Self::Money(currency) => format!("1e-12 {currency}"),
        }
    }

    /// `1200 tokens`, `0.0012 USD`.
    pub(crate) fn text(&self, amount: u64) -> String {
        match self {
            Self::Money(currency) => format!("{} {currency}", decimal(amount)),
            Self::Tokens | Self::Requests | Self::Cost => format!("{amount} {}", self.name()),
        }
    }
}

/// An amount of money without its currency, exactly, without zeros at its end.
fn decimal(amount: u64) -> String {
    let fraction = format!("{:012}", amount % MONEY);
    match fraction.trim_end_matches('0') {
        "" => (amount / MONEY).to_string(),
        digits => format!("{}.{digits}", amount / MONEY),
    }
}

/// `day`, `lifetime`, `sliding 1m30s`.
pub(crate) fn window_text(window: WindowKind) -> String {
    tollgate_budget::window::words(window).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_exactly() {
        let usd = Unit::Money("USD".into());
        assert_eq!(usd.text(0), "0 USD");
        assert_eq!(usd.text(MONEY), "1 USD");
        assert_eq!(usd.text(1_250_000_000_001), "1.250000000001 USD");
        assert_eq!(usd.text(2_500_000), "0.0000025 USD");
        assert_eq!(Unit::Tokens.text(7), "7 tokens");
    }

    #[test]
    fn windows_are_written_as_words() {
        assert_eq!(window_text(WindowKind::Day), "day");
        assert_eq!(window_text(WindowKind::Sliding(90_000)), "sliding 1m30s");
        assert_eq!(window_text(WindowKind::Sliding(1_500)), "sliding 1s500ms");
    }
}
