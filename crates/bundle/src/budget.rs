//! A token budget as the data plane enforces it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What each subject may spend per window, on every rule or backend that names this budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// `namespace/name` of the object it was written in.
    pub id: String,
    /// Who pays.
    pub subject: Subject,
    /// All limits apply together.
    pub limits: Vec<Limit>,
    /// What counts.
    pub meter: Meter,
    /// How hard the limit is.
    pub mode: Mode,
    /// What happens to requests while the ledger's store does not answer.
    pub on_store_failure: OnStoreFailure,
    /// Percent of a limit, 1 to 99, from which on its subject is warned; `None`: never.
    pub warn_percent: Option<u8>,
}

/// One limit of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Units of the budget's meter per window, at most `i64::MAX`; 0 refuses the first request.
    /// For [`Meter::Money`] millionths of a micro-unit (10⁻¹² of the currency).
    pub amount: u64,
    /// Length of the window, aligned to the calendar of `time_zone`.
    pub window: WindowKind,
    /// IANA name: `UTC`, `Europe/Madrid`. Known to be valid here.
    pub time_zone: String,
}

/// Which span of time counts towards one limit.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum WindowKind {
    /// Starts with each second.
    Second,
    /// Starts with each minute.
    #[default]
    Minute,
    /// Starts with each hour of the zone's civil time.
    Hour,
    /// Starts at local midnight; 23 or 25 hours long where the clock changes.
    Day,
    /// Starts on Monday at local midnight (ISO 8601).
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
    /// All time: never starts anew.
    Lifetime,
    /// The time just past, of this many milliseconds (at least 1000), in any time zone. What was
    /// spent at most this long ago counts, to within a twentieth of it, rounded up.
    Sliding(u64),
}

/// Who pays. A subject comes only from a verified source, never from what a client may write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
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
    /// Everybody together, for each route apart.
    Route,
    /// Everybody together, for each model that clients ask for apart.
    Model,
    /// Everybody together, for each provider apart.
    Backend,
    /// The value of a request header (lower-case name) that the operator says is set by a trusted
    /// proxy; a request without it is refused.
    Header(String),
    /// The name in the client's certificate that the proxy has verified; a request without one is
    /// refused.
    ClientCertificate,
    /// Cannot be determined by this data plane, with the reason: every request is refused.
    Unknown(String),
}

/// What a budget counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Meter {
    /// Input and output tokens.
    Total,
    /// Prompt tokens, cached ones included.
    Input,
    /// Completion tokens, reasoning included.
    Output,
    /// The part of the prompt that the provider read from its cache.
    CachedInput,
    /// The part of the prompt that the provider wrote to its cache.
    CacheWrite,
    /// The part of the completion that was reasoning.
    Reasoning,
    /// Requests that reached a provider.
    Requests,
    /// A CEL expression over the token counts; known to compile.
    Expression(String),
    /// Money, by a price table.
    Money(PriceTable),
}

/// What tokens cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTable {
    /// Shown to people: `USD`.
    pub currency: String,
    /// By the name of the model asked of the provider; `*` is for models without an entry.
    /// A model without a price is refused.
    pub models: BTreeMap<String, Price>,
}

/// Prices of one model, each in micro-units of the currency for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Prompt tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Prompt tokens read from a cache.
    pub cached_input: u64,
    /// Prompt tokens written to a cache.
    pub cache_write: u64,
    /// Completion tokens, reasoning included.
    pub output: u64,
}

/// How hard the limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// The worst case is held before the call: spending never exceeds the limit.
    Strict,
    /// Only this percentage (1 to 99) of the output's worst case is held before the call; the hold
    /// grows while the answer streams, and the stream is ended when it cannot.
    Overcommit(u8),
    /// Counted and reported, never refused.
    Shadow,
}

/// What happens while the ledger's store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OnStoreFailure {
    /// Refuse with 503 and `retry-after`.
    Closed,
    /// Serve, log and count.
    Open,
    /// Each replica serves up to this many units per account and window by itself, and reports
    /// them when the store is back: the bound is this times the replicas.
    Leased(u64),
}
