//! A token budget as the data plane enforces it.

use serde::Serialize;

/// Tokens that each subject may spend per window, on every rule that names this budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// `namespace/name` of the object it was written in.
    pub id: String,
    /// Who pays.
    pub subject: SubjectKind,
    /// All limits apply together.
    pub limits: Vec<Limit>,
    /// Which tokens count.
    pub meter: Meter,
    /// How hard the limit is.
    pub mode: Mode,
    /// What happens to requests while the ledger's store does not answer.
    pub on_store_failure: OnStoreFailure,
}

/// One limit of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Tokens per window; 0 refuses the first request.
    pub tokens: u64,
    /// Length of the window, aligned to the calendar of `time_zone`.
    pub window: WindowKind,
    /// IANA name: `UTC`, `Europe/Madrid`. Known to be valid here.
    pub time_zone: String,
}

/// Fixed windows aligned to a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum WindowKind {
    /// Starts with each second.
    Second,
    /// Starts with each minute.
    Minute,
    /// Starts with each hour of the zone's civil time.
    Hour,
    /// Starts at local midnight; 23 or 25 hours long where the clock changes.
    Day,
    /// Starts on Monday at local midnight (ISO 8601).
    Week,
    /// A calendar month.
    Month,
}

/// Who pays. A subject comes only from a verified key, never from a header of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum SubjectKind {
    /// The consumer; all anonymous callers together are one user.
    User,
    /// The consumer's team; a consumer without one is refused.
    Team,
    /// The consumer's organisation; a consumer without one is refused.
    Org,
    /// The single key that was used.
    Key,
    /// Everybody together.
    Shared,
}

/// Which tokens a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Meter {
    /// Input and output.
    Total,
    /// Prompt tokens, cached ones included.
    Input,
    /// Completion tokens, reasoning included.
    Output,
}

/// How hard the limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Mode {
    /// The worst case is held before the call: spending never exceeds the limit.
    Strict,
}

/// What happens while the ledger's store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum OnStoreFailure {
    /// Refuse with 503 and `retry-after`.
    Closed,
    /// Serve, log and count.
    Open,
}
