//! The values that pass between a caller and the ledger.

use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_bundle::OnStoreFailure;

use crate::{Account, AccountState};

/// Identifies a hold; unique per client call (the engine makes it from a random 128-bit value).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HoldId(pub u128);

/// What a request may cost on one account: `fixed + per_output × output tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Which account.
    pub account: Account,
    /// Tokens that do not depend on the answer (the input, where the meter counts it).
    pub fixed: u64,
    /// Tokens charged for each output token: 0 or 1 for the plain meters.
    pub per_output: u64,
    /// Whether the account may refuse. Where not, the hold is recorded whatever stands there.
    pub enforce: bool,
    /// What the caller wants where the store does not answer. Stores do not read it.
    pub on_failure: OnStoreFailure,
}

/// Asks for a hold on several accounts at once: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRequest {
    /// Idempotency key: asking again with the same id returns the first answer's hold.
    pub id: HoldId,
    /// One for each limit of each budget that applies. May be empty (granted).
    pub charges: Vec<Charge>,
    /// Output tokens the request may produce.
    pub output_want: u64,
    /// Fewest output tokens worth serving; the store grants between this and `output_want`.
    pub output_min: u64,
}

/// The store's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldOutcome {
    /// Something does not fit; nothing was recorded.
    Denied(Denial),
    /// Recorded on every account.
    Granted(HoldReceipt),
}

/// Why a hold was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Index into [`HoldRequest::charges`] of the tightest account: of those that do not fit, the
    /// one that frees latest, by `retry_ms` (then the one with least left).
    pub tightest: usize,
    /// State of that account.
    pub state: AccountState,
    /// What the request needed at least on that account.
    pub needed: u64,
    /// Milliseconds until as much as was needed may be free: the end of the window (`u64::MAX` for
    /// a lifetime), or for a sliding one until enough of what was spent is too old to count. What
    /// others hold now is taken as spent now. What never fits waits for as long as the present
    /// bucket counts.
    pub retry_ms: u64,
}

/// Proof of a hold. Carries all that a settle needs, so that a settle that arrives after the
/// hold expired (or after the store forgot it) still charges the window of admission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReceipt {
    /// The hold.
    pub id: HoldId,
    /// Output tokens granted: what the provider may be asked for.
    pub output_granted: u64,
    /// One for each charge of the request, in its order.
    pub entries: Vec<ReceiptEntry>,
    /// Whether the store knows of the hold. A hold that was granted because the store did not
    /// answer is charged all the same when it is settled.
    pub recorded: bool,
}

/// What was held on one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptEntry {
    /// Which account.
    pub account: Account,
    /// Start of the window of admission, in Unix milliseconds of the store's clock; for a sliding
    /// one start of the bucket, and `i64::MIN` for a lifetime.
    pub window_start_ms: i64,
    /// Tokens held.
    pub held: u64,
    /// State after this hold was recorded.
    pub state: AccountState,
}

/// Ends a hold and charges what was really used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The hold's receipt.
    pub receipt: HoldReceipt,
    /// Tokens to charge on each entry of the receipt, in its order; 0 everywhere releases.
    /// An entry without a figure is charged what was held on it.
    pub charges: Vec<u64>,
}

// === impl HoldId ===

/// 32 hex digits.
impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
