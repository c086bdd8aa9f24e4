//! What the simulator really produced, per API, key and model: the truth that a gateway's ledger is
//! compared with. Fed by `play` at the moment bytes are handed to the socket.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    ask::Api,
    script::{Produced, Prompt},
};

/// Rows held at most; what comes later is counted under model and key `(other)`.
const ROWS_MAX: usize = 10_000;

/// Whom a row counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Account {
    /// API of the requests.
    pub api: Api,
    /// Provider key, without `Bearer `.
    pub key: String,
    /// Model as asked for.
    pub model: String,
}

/// Counts of requests and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Well-formed requests that came in, however they ended.
    pub begun: u64,
    /// Answers sent to their end, error answers by a `status` fault not included.
    pub answered: u64,
    /// Error answers by a `status` fault.
    pub failed: u64,
    /// Answers the simulator broke off itself (`cut`, `reset_before_head`).
    pub broken: u64,
    /// Answers whose client went away first, or that `kill` ended.
    pub cancelled: u64,
    /// Prompt tokens of requests whose answer's head was sent; cached and cache-write ones included.
    pub input: u64,
    /// Part of `input` read from the cache.
    pub cached: u64,
    /// Part of `input` written to the cache.
    pub cache_write: u64,
    /// Output tokens handed to the socket, reasoning included.
    pub output: u64,
    /// Part of `output` that is reasoning.
    pub reasoning: u64,
    /// Prompt tokens of requests whose client went away before the head was sent; not in `input`.
    pub unanswered_input: u64,
}

/// The tally: rows by account, and how many requests are in flight.
#[derive(Debug, Default)]
pub struct Tally {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<Account, Counts>,
    in_flight: u64,
    in_flight_max: u64,
}

/// One row, as the control endpoint shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TallyRow {
    /// Whom it counts.
    #[serde(flatten)]
    pub account: Account,
    /// What it counted.
    #[serde(flatten)]
    pub counts: Counts,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Failed,
    Broken,
    Cancelled,
}

// === impl Tally ===

impl Tally {
    /// All rows, sorted by API, key and model.
    pub fn rows(&self) -> Vec<TallyRow> {
        let inner = self.inner.lock();
        let rows = inner.rows.iter();
        rows.map(|(account, counts)| TallyRow {
            account: account.clone(),
            counts: *counts,
        })
        .collect()
    }

    /// The sum of all rows.
    pub fn total(&self) -> Counts {
        self.sum(|_| true)
    }

    /// The sum of the rows of one provider key.
    pub fn of_key(&self, key: &str) -> Counts {
        self.sum(|account| account.key == key)
    }

    /// The sum of the rows of one model.
    pub fn of_model(&self, model: &str) -> Counts {
        self.sum(|account| account.model == model)
    }

    /// The sum of the rows of one API.
    pub fn of_api(&self, api: Api) -> Counts {
        self.sum(|account| account.api == api)
    }

    /// Requests being answered now.
    pub fn in_flight(&self) -> u64 {
        self.inner.lock().in_flight
    }

    /// The most requests that were being answered at one time since the last reset.
    pub fn in_flight_max(&self) -> u64 {
        self.inner.lock().in_flight_max
    }

    /// Forgets all rows. Requests in flight go on counting.
    pub fn reset(&self) {
        let mut inner = self.inner.lock();
        inner.rows.clear();
        inner.in_flight_max = inner.in_flight;
    }

    fn sum(&self, of: impl Fn(&Account) -> bool) -> Counts {
        let inner = self.inner.lock();
        let rows = inner.rows.iter().filter(|(account, _)| of(account));
        rows.fold(Counts::default(), |mut sum, (_, counts)| {
            sum.add(counts);
            sum
        })
    }

    pub(crate) fn begin(&self, account: &Account) {
        let mut inner = self.inner.lock();
        inner.in_flight += 1;
        inner.in_flight_max = inner.in_flight_max.max(inner.in_flight);
        inner.counts(account).begun += 1;
    }

    pub(crate) fn head_sent(&self, account: &Account, prompt: Prompt) {
        let mut inner = self.inner.lock();
        let counts = inner.counts(account);
        counts.input += prompt.input;
        counts.cached += prompt.cached;
        counts.cache_write += prompt.cache_write;
    }

    pub(crate) fn produced(&self, account: &Account, produced: Produced) {
        let mut inner = self.inner.lock();
        let counts = inner.counts(account);
        counts.output += produced.output;
        counts.reasoning += produced.reasoning;
    }

    pub(crate) fn end(&self, account: &Account, outcome: Outcome, unanswered_input: u64) {
        let mut inner = self.inner.lock();
        inner.in_flight = inner.in_flight.saturating_sub(1);
        let counts = inner.counts(account);
        counts.unanswered_input += unanswered_input;
        match outcome {
            Outcome::Answered => counts.answered += 1,
            Outcome::Failed => counts.failed += 1,
            Outcome::Broken => counts.broken += 1,
            Outcome::Cancelled => counts.cancelled += 1,
        }
    }

    /// A canned answer of the benchmark: begun, sent and ended at once.
    pub(crate) fn canned(&self, account: &Account, prompt: Prompt, produced: Produced) {
        let mut inner = self.inner.lock();
        inner.counts(account).add(&Counts {
            begun: 1,
            answered: 1,
            input: prompt.input,
            output: produced.output,
            ..Counts::default()
        });
    }
}

// === impl Inner ===

impl Inner {
    fn counts(&mut self, account: &Account) -> &mut Counts {
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(account) {
            let other = || "(other)".to_owned();
            let account = Account {
                api: account.api,
                key: other(),
                model: other(),
            };
            return self.rows.entry(account).or_default();
        }
        self.rows.entry(account.clone()).or_default()
    }
}

// === impl Counts ===

impl Counts {
    /// Input and output together.
    pub fn tokens(&self) -> u64 {
        self.input + self.output
    }

    fn add(&mut self, other: &Self) {
        let Self {
            begun,
            answered,
            failed,
            broken,
            cancelled,
            input,
            cached,
            cache_write,
            output,
            reasoning,
            unanswered_input,
        } = *other;
        self.begun += begun;
        self.answered += answered;
        self.failed += failed;
        self.broken += broken;
        self.cancelled += cancelled;
        self.input += input;
        self.cached += cached;
        self.cache_write += cache_write;
        self.output += output;
        self.reasoning += reasoning;
        self.unanswered_input += unanswered_input;
    }
}
