//! What operators see: the accounts of a budget, page by page.

use serde::{Deserialize, Serialize};

/// Asks for a page of the accounts of one budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Budget id.
    pub budget: String,
    /// [`Page::next`] of the page before; none for the first.
    pub after: Option<String>,
    /// Most accounts to return; a store may return fewer, also none, before the last page.
    pub size: usize,
}

/// A page of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// In no particular order; an account may come twice when it changes meanwhile.
    pub entries: Vec<Entry>,
    /// Where the next page begins; none after the last one.
    pub next: Option<String>,
}

/// One account as it is kept: under which limit it stands is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who pays.
    pub subject: String,
    /// Window, in words: `Day`, `Sliding 5h`.
    pub window: String,
    /// Time zone of the window.
    pub time_zone: String,
    /// Charged for good.
    pub settled: u64,
    /// Reserved by requests in flight.
    pub held: u64,
    /// What an operator added to the limit.
    pub granted: u64,
    /// Milliseconds until the window ends; `None`: never.
    pub reset_ms: Option<u64>,
}
