//! The ledger as the engine's process sees it.

use std::{borrow::Cow, future::ready};

use tokio::sync::oneshot;
use tollgate_budget::{
    Account, AccountState, HoldOutcome, HoldReceipt, HoldRequest, Page, PageRequest, Settlement,
    Spend, SpendOutcome, Store, StoreError, store::StoreFuture,
};

use super::{Client, questions::Outcome};
use crate::wire::{Answer, Op, Up, fingerprint};

impl Client {
    /// Asks, and waits for the answer, which comes in [`super::questions`]'s time.
    async fn ask(&self, op: Op<'_>) -> Result<Answer, StoreError> {
        let waiting = self.put(op)?;
        match waiting.await {
            Ok(outcome) => outcome,
            Err(_) => Err(unavailable("nobody answers on the uplink")),
        }
    }

    fn put(&self, op: Op<'_>) -> Result<oneshot::Receiver<Outcome>, StoreError> {
        let mut state = self.state.lock();
        if !state.out.is_connected() {
            return Err(unavailable("the uplink to the ledger is not connected"));
        }
        if state.out.is_full() || state.questions.are_too_many() {
            return Err(unavailable("too much waits on the uplink to the ledger"));
        }
        let number = state.questions.number();
        let said = state.out.say(&Up::Ask { number, op });
        said.map_err(|error| unavailable(&error.to_string()))?;
        let waiting = state.questions.ask(number);
        self.write(&mut state);
        Ok(waiting)
    }

    /// Takes a settlement, to be written with what is said next.
    fn take(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.questions.are_too_many() || state.out.is_full() {
            return Err(unavailable(
                "too many settlements wait on the uplink to the ledger",
            ));
        }
        let number = state.questions.number();
        if state.out.is_connected() {
            let (hold, fingerprint) = (settlement.receipt.id, fingerprint(&settlement.receipt));
            let op = match state.questions.is_known(hold, fingerprint) {
                true => Op::Charge {
                    hold,
                    fingerprint,
                    charges: Cow::Borrowed(&settlement.charges),
                },
                false => Op::Settle(Cow::Borrowed(settlement)),
            };
            let said = state.out.say(&Up::Ask { number, op });
            said.map_err(|error| unavailable(&error.to_string()))?;
        }
        state.questions.keep(number, settlement.clone());
        Ok(())
    }

    async fn outcome(&self, op: Op<'_>, request: &HoldRequest) -> Result<HoldOutcome, StoreError> {
        match self.ask(op).await? {
            Answer::Granted(grant) => {
                let receipt = grant.receipt(request);
                let fingerprint = fingerprint(&receipt);
                self.state.lock().questions.granted(receipt.id, fingerprint);
                Ok(HoldOutcome::Granted(receipt))
            }
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

/// A settlement is taken at once and kept until the ledger has it, over connections that break; its
/// states are not known, and none are returned. Whoever asks next is answered after it. It is
/// written with what is said next, which is the call's record, or within a tick.
impl Store for Client {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.outcome(Op::Hold(Cow::Borrowed(request)), request))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(self.outcome(Op::Raise(Cow::Borrowed(request)), request))
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
        Box::pin(ready(self.take(settlement).map(|()| Vec::new())))
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
