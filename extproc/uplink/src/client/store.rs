//! The ledger as the engine's process sees it.

use std::borrow::Cow;

use tollgate_budget::{
    Account, AccountState, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest, Settlement,
    Spend, SpendOutcome, Store, StoreError, store::StoreFuture,
};

use super::{ANSWER_MAX, Client};
use crate::wire::{Answer, Op};

impl Client {
    async fn ask(&self, op: Op<'_>) -> Result<Answer, StoreError> {
        let is_kept = op.ends().is_some();
        let (number, waiting) = self.state.lock().ask(op)?;
        self.wake.notify_one();
        match tokio::time::timeout(ANSWER_MAX, waiting).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(unavailable("nobody answers on the uplink")),
            Err(_) => {
                self.state.lock().given_up(number);
                if is_kept {
                    return Ok(Answer::States(Vec::new()));
                }
                Err(unavailable("no answer on the uplink in time"))
            }
        }
    }

    async fn outcome(&self, op: Op<'_>) -> Result<HoldOutcome, StoreError> {
        match self.ask(op).await? {
            Answer::Outcome(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    async fn states_of(&self, op: Op<'_>) -> Result<Vec<AccountState>, StoreError> {
        match self.ask(op).await? {
            Answer::States(states) => Ok(states),
            other => Err(unexpected(&other)),
        }
    }

    async fn state_of(&self, op: Op<'_>) -> Result<AccountState, StoreError> {
        match self.ask(op).await? {
            Answer::State(state) => Ok(state),
            other => Err(unexpected(&other)),
        }
    }
}

/// While the uplink is away a settlement is taken, kept, and delivered later: its states are then
/// not known, and none are returned.
impl Store for Client {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.outcome(Op::Hold(Cow::Borrowed(request))))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.outcome(Op::Raise(Cow::Borrowed(request))))
    }

    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            match self.ask(Op::Renew(Cow::Borrowed(receipt))).await? {
                Answer::Renewed => Ok(()),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.states_of(Op::Settle(Cow::Borrowed(settlement))))
    }

    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        Box::pin(async move {
            match self.ask(Op::Spend(Cow::Borrowed(spends))).await? {
                Answer::Spent(outcome) => Ok(outcome),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        Box::pin(self.state_of(Op::Grant(Cow::Borrowed(account), amount)))
    }

    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        Box::pin(self.state_of(Op::Reset(Cow::Borrowed(account))))
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            match self.ask(Op::List(Cow::Borrowed(request))).await? {
                Answer::Page(page) => Ok(page),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        Box::pin(self.states_of(Op::States(Cow::Borrowed(accounts))))
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_string())
}

fn unexpected(answer: &Answer) -> StoreError {
    StoreError::Unavailable(format!(
        "an answer to another question on the uplink: {answer:?}"
    ))
}
