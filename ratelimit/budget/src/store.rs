//! Where accounts are kept: the one place that decides, in one atomic step.

pub mod absent;
pub mod memory;

use std::{future::Future, pin::Pin};

use crate::{
    Account, AccountState, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest, Settlement,
    Spend, SpendOutcome,
};

/// A boxed answer of a store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A ledger's store. Every method is atomic and idempotent by hold id; time is the store's own.
///
/// **Figures.** Limits are at most `i64::MAX`, amounts any `u64`. What stands on an account is
/// exact up to `i64::MAX`; a greater sum reads as some figure from there on, and never wraps.
///
/// **Windows.** In a calendar window what is charged, granted and held counts until its end, and
/// a hold of an earlier window counts in no later one. In a sliding window what is charged or
/// granted counts as its bucket does ([`crate::window::sliding`]), and a live hold counts in full,
/// whatever its bucket. A lifetime is one window without an end.
///
/// **Editing and recreating.** An account is named by budget, subject, window and time zone. So
/// another limit is a question about the same account, and a budget that is deleted and created
/// again under its name finds what stood there, until the window is over or someone resets it.
pub trait Store: Send + Sync {
    /// Admits iff on every account `settled + held + want ≤ limit`, where want is
    /// `fixed + per_output × output` and output is the largest value between `output_min` and
    /// `output_want` that fits everywhere. Records the hold on all accounts, or on none.
    /// An account with nothing left denies even a request that needs nothing. Charges on the same
    /// account add up. An id that is live, or was settled of late, gets its receipt again.
    /// A charge that is not enforced is recorded like the others, and neither denies nor lowers
    /// the output; nor does it add to what an enforced one on the same account needs.
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome>;

    /// Replaces a live hold by what `request` asks (same id), all or nothing: a denial leaves the
    /// hold as it was. For fallback to another provider, and for topping up. Accounts that the
    /// request does not name are freed; new ones are admitted like any other. An expired hold is
    /// taken anew.
    /// It is an admission: accounts whose window is over since are charged in the present one.
    /// An account on which the hold asks no more than it has never denies. In a sliding window
    /// the hold moves to the present bucket. After the settle it holds nothing and returns the
    /// receipt that was settled.
    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome>;

    /// Keeps a hold alive for another hold lifetime. A hold that expired is recorded again.
    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()>;

    /// Frees the hold and charges the window (the bucket) of admission, if that counts still;
    /// else no other. A second settle of the same id does
    /// nothing, for two hold lifetimes at least. A settle after expiry still charges. Returns the
    /// accounts' states afterwards, or none: a store may take the settlement and charge it later,
    /// but before it answers whoever asks next.
    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>>;

    /// Charges for good, without a hold: for plain counters, and for charges that come after the
    /// fact. All that is not forced is charged if all of it fits, else none of it; what is forced
    /// is charged always. Not idempotent.
    ///
    /// Each spend is judged in its turn, those before it on the same account counting as charged,
    /// forced or not. 0 fits where something is left; to give back fits always, and gives back
    /// what is charged in the present window at most, in a sliding one the latest charges first.
    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome>;

    /// Lets the account spend this much more in its present window. Adds up; gone with the window,
    /// in a sliding one when a charge made at that moment would be.
    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState>;

    /// Forgets what was charged and granted in the account's present window. Holds stay.
    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState>;

    /// The accounts of a budget that have anything on them (charged, held or granted), in no
    /// particular order. A cursor that is none of the store's own ends the list.
    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page>;

    /// What stands on these accounts now.
    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>>;
}

/// Why a store did not answer. The caller applies the budget's failure mode.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store holds as many accounts or holds as it may; the figure is its bound.
    #[error("the budget store is full: {bound} {what}")]
    Full {
        /// `accounts` or `holds`.
        what: &'static str,
        /// The bound.
        bound: usize,
    },
    /// The store cannot be reached or did not answer in time.
    #[error("the budget store did not answer: {0}")]
    Unavailable(String),
}
