//! Charges without a hold: what the rate limit service does with a request.

use serde::{Deserialize, Serialize};

use crate::{Account, AccountState};

/// One charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// Which account.
    pub account: Account,
    /// Units to charge; negative ones are given back, down to 0; 0 asks whether anything is left.
    pub amount: i64,
    /// Charged whether it fits or not: a charge that comes after the fact.
    pub forced: bool,
}

/// What became of a list of [`Spend`]s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendOutcome {
    /// Whether everything that is not forced fitted, and so was charged.
    pub admitted: bool,
    /// One for each spend, in order.
    pub accounts: Vec<SpendState>,
}

/// What stands on one account after a spend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendState {
    /// Whether this amount fitted: `settled + held + amount ≤ limit + granted`, and for 0 that
    /// something is left. A negative amount fits always.
    pub fits: bool,
    /// State afterwards.
    pub state: AccountState,
}
