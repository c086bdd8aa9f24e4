//! What the engine's end has asked the ledger, and has no answer to.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tollgate_budget::{HoldId, Settlement, StoreError};

use crate::wire::{Answer, Failure};

/// Longest wait for an answer of the ledger. Its own deadline is far below; this one is for a
/// process that stands still.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Most questions, and most settlements, that wait.
const WAITING_MAX: usize = 100_000;

/// The outcome of a question.
pub(super) type Outcome = Result<Answer, StoreError>;

/// Questions by number.
#[derive(Default)]
pub(super) struct Questions {
    next: u64,
    /// Somebody waits for these.
    open: HashMap<u64, Question>,
    /// Said again on the next connection, until acknowledged.
    kept: BTreeMap<u64, Settlement>,
    /// Fingerprints of the receipts that the present connection has brought.
    granted: HashMap<HoldId, u64>,
}

struct Question {
    waiter: oneshot::Sender<Outcome>,
    asked: Instant,
}

// === impl Questions ===

impl Questions {
    /// A number that no other question has.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.open.len() >= WAITING_MAX || self.kept.len() >= WAITING_MAX
    }

    /// Where the answer to this question comes.
    pub(super) fn ask(&mut self, number: u64) -> oneshot::Receiver<Outcome> {
        let (waiter, waiting) = oneshot::channel();
        let asked = Instant::now();
        self.open.insert(number, Question { waiter, asked });
        waiting
    }

    /// The other end knows this receipt.
    pub(super) fn granted(&mut self, hold: HoldId, fingerprint: u64) {
        if self.granted.len() < WAITING_MAX {
            self.granted.insert(hold, fingerprint);
        }
    }

    /// A hold ends; whether the other end knows this receipt of it.
    pub(super) fn is_known(&mut self, hold: HoldId, fingerprint: u64) -> bool {
        self.granted.remove(&hold) == Some(fingerprint)
    }

    pub(super) fn keep(&mut self, number: u64, settlement: Settlement) {
        self.kept.insert(number, settlement);
    }

    /// A settlement that was not acknowledged.
    pub(super) fn kept_one(&self, number: u64) -> Option<&Settlement> {
        self.kept.get(&number)
    }

    /// Settlements that were not acknowledged, oldest first, with their numbers.
    pub(super) fn kept(&self) -> impl Iterator<Item = (u64, &Settlement)> {
        self.kept.iter().map(|(number, kept)| (*number, kept))
    }

    pub(super) fn has_nothing_kept(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn settled(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.kept.remove(number);
        }
    }

    /// Who is to be told of an answer; of a settlement nobody is.
    pub(super) fn answered(&mut self, number: u64) -> Option<oneshot::Sender<Outcome>> {
        let question = self.open.remove(&number);
        question.map(|question| question.waiter)
    }

    /// The ledger has refused a settlement; whether it was one of ours.
    pub(super) fn refused(&mut self, number: u64) -> bool {
        self.kept.remove(&number).is_some()
    }

    /// Whoever has waited too long waits no more.
    pub(super) fn expire(&mut self, now: Instant) {
        let is_late = |question: &Question| now.duration_since(question.asked) >= ANSWER_MAX;
        self.end(is_late, "no answer on the uplink in time");
    }

    /// The connection is gone: whoever waits is told.
    pub(super) fn disconnected(&mut self) {
        self.granted.clear();
        self.end(|_| true, "the uplink to the ledger broke");
    }

    fn end(&mut self, is_over: impl Fn(&Question) -> bool, why: &str) {
        let over = self.open.extract_if(|_, question| is_over(question));
        for (_, question) in over {
            let failure = Failure::Unavailable(why.to_string());
            // Nobody may wait any more: the call is over.
            let _ = question.waiter.send(Err(failure.into()));
        }
    }
}
