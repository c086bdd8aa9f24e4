//! The messages of the uplink.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use serde::{Deserialize, Serialize};
use tollgate_budget::{
    Account, AccountState, HoldId, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest,
    ReceiptEntry, Settlement, Spend, SpendOutcome, Store, StoreError,
};
use tollgate_engine::CallRecord;
use tollgate_host::CallTimes;

/// What the engine's side says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Up<'a> {
    /// First, and once: names the engine, which is the same after a connection broke.
    Hello { session: u128 },
    /// Calls that come in are served by this bundle from now on.
    Served { bundle: u64 },
    /// Asks the ledger; [`Down::Answer`] or [`Down::Settled`] has the number.
    Ask { number: u64, op: Op<'a> },
    /// Calls that are over.
    Calls(Vec<Call>),
    /// How it goes; sent when it changes.
    Figures(Figures),
}

/// What the ledger's side says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Down {
    /// What the engine shall serve. JSON, with secrets: a bundle leaves fields out that postcard
    /// would miss.
    Bundle { number: u64, json: Vec<u8> },
    /// The same, as what has changed in the bundle that was sent last on this connection
    /// ([`crate::change::Change`]).
    Change { number: u64, json: Vec<u8> },
    /// These settlements are in the ledger. Said with what is said next: nobody waits for it.
    Settled(Vec<u64>),
    /// Nobody knows the hold of this [`Op::Charge`]: it is to be said in full.
    Unknown { number: u64 },
    /// Of the ledger, to [`Up::Ask`]; to a settlement only if it failed.
    Answer {
        number: u64,
        answer: Result<Answer, Failure>,
    },
}

/// A call that is over, and what is to be told of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) record: CallRecord,
    pub(crate) times: CallTimes,
    pub(crate) request_id: String,
}

/// How it goes in the engine's process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Client calls in flight.
    pub in_flight: usize,
    /// Ids of the backends that are ejected.
    pub ejected: Vec<String>,
    /// Records of calls that were dropped because the uplink was away for long, since the start.
    pub records_dropped: u64,
    /// Calls that could not be charged, since the start.
    pub settle_failures: u64,
    /// Faults of the engine's host, since the start.
    pub host_failures: u64,
}

/// An operation of [`Store`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Op<'a> {
    Hold(Cow<'a, HoldRequest>),
    Raise(Cow<'a, HoldRequest>),
    Renew(Cow<'a, HoldReceipt>),
    /// Settles a hold that was granted on this uplink, whose receipt the ledger's end has: the
    /// one with this [`fingerprint`], for a hold that was raised has had others.
    Charge {
        hold: HoldId,
        fingerprint: u64,
        charges: Cow<'a, [u64]>,
    },
    Settle(Cow<'a, Settlement>),
    States(Cow<'a, [Account]>),
    Spend(Cow<'a, [Spend]>),
    Grant(Cow<'a, Account>, u64),
    Reset(Cow<'a, Account>),
    List(Cow<'a, PageRequest>),
}

/// What an [`Op`] comes to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Outcome(HoldOutcome),
    /// Granted as it was asked for: whoever asked knows the accounts.
    Granted(Grant),
    Renewed,
    States(Vec<AccountState>),
    Spent(SpendOutcome),
    State(AccountState),
    Page(Page),
}

/// A receipt without what stands in the request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    output_granted: u64,
    recorded: bool,
    /// Start of the window, tokens held, and the state, of each charge.
    entries: Vec<(i64, u64, AccountState)>,
}

/// Tells the receipts of one hold apart. Both ends are of one build.
pub(crate) fn fingerprint(receipt: &HoldReceipt) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entry in &receipt.entries {
        (&entry.account, entry.window_start_ms, entry.held).hash(&mut hasher);
    }
    (receipt.output_granted, receipt.recorded).hash(&mut hasher);
    hasher.finish()
}

/// [`StoreError`] on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    AccountsFull(usize),
    HoldsFull(usize),
    Unavailable(String),
}

// === impl Op ===

impl Op<'_> {
    /// Asks the store. [`Op::Charge`] is not for it: the receipt is missing.
    pub(crate) async fn run(&self, store: &dyn Store) -> Result<Answer, Failure> {
        let answer = match self {
            Self::Hold(request) => store.hold(request).await.map(Answer::Outcome),
            Self::Raise(request) => store.raise(request).await.map(Answer::Outcome),
            Self::Renew(receipt) => store.renew(receipt).await.map(|()| Answer::Renewed),
            Self::Charge { .. } => Err(StoreError::Unavailable("no receipt".to_string())),
            Self::Settle(settlement) => store.settle(settlement).await.map(Answer::States),
            Self::States(accounts) => store.states(accounts).await.map(Answer::States),
            Self::Spend(spends) => store.spend(spends).await.map(Answer::Spent),
            Self::Grant(account, amount) => store.grant(account, *amount).await.map(Answer::State),
            Self::Reset(account) => store.reset(account).await.map(Answer::State),
            Self::List(request) => store.list(request).await.map(Answer::Page),
        };
        answer.map_err(Failure::from)
    }

    /// What a hold is asked for with.
    pub(crate) fn request(&self) -> Option<&HoldRequest> {
        match self {
            Self::Hold(request) | Self::Raise(request) => Some(request),
            _ => None,
        }
    }
}

// === impl Answer ===

impl Answer {
    /// The receipt of a hold that is live now.
    pub(crate) fn granted(&self) -> Option<&HoldReceipt> {
        match self {
            Self::Outcome(HoldOutcome::Granted(receipt)) => Some(receipt),
            _ => None,
        }
    }

    /// Leaves out of a grant what stands in the request.
    pub(crate) fn shortened(self, request: Option<&HoldRequest>) -> Self {
        match (self, request) {
            (Self::Outcome(HoldOutcome::Granted(receipt)), Some(request)) => {
                match Grant::of(&receipt, request) {
                    Some(grant) => Self::Granted(grant),
                    None => Self::Outcome(HoldOutcome::Granted(receipt)),
                }
            }
            (answer, _) => answer,
        }
    }
}

// === impl Grant ===

impl Grant {
    /// `None`: the receipt is of another request, with the same id.
    fn of(receipt: &HoldReceipt, request: &HoldRequest) -> Option<Self> {
        let HoldReceipt {
            id,
            output_granted,
            entries,
            recorded,
        } = receipt;
        let accounts = request.charges.iter().map(|charge| &charge.account);
        let is_as_asked =
            *id == request.id && entries.iter().map(|entry| &entry.account).eq(accounts);
        is_as_asked.then(|| Self {
            output_granted: *output_granted,
            recorded: *recorded,
            entries: entries
                .iter()
                .map(|entry| (entry.window_start_ms, entry.held, entry.state.clone()))
                .collect(),
        })
    }

    /// The receipt that was shortened for this request.
    pub(crate) fn receipt(self, request: &HoldRequest) -> HoldReceipt {
        let entries = request.charges.iter().zip(self.entries);
        HoldReceipt {
            id: request.id,
            output_granted: self.output_granted,
            entries: entries
                .map(|(charge, (window_start_ms, held, state))| ReceiptEntry {
                    account: charge.account.clone(),
                    window_start_ms,
                    held,
                    state,
                })
                .collect(),
            recorded: self.recorded,
        }
    }
}

// === impl Failure ===

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full {
                what: "holds",
                bound,
            } => Self::HoldsFull(bound),
            StoreError::Full { what: _, bound } => Self::AccountsFull(bound),
            StoreError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::AccountsFull(bound) => Self::Full {
                what: "accounts",
                bound,
            },
            Failure::HoldsFull(bound) => Self::Full {
                what: "holds",
                bound,
            },
            Failure::Unavailable(why) => Self::Unavailable(why),
        }
    }
}
