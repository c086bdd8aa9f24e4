//! The suite itself under test: a store with one fault is found out by the fixed scripts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::{
    PageRequest, Spend, StoreFuture,
    conformance::{
        fixed_interleavings_answered_as_by_the_model, fixed_strict_use_never_exceeds_a_limit,
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    HoldChargedInFull,
    SettleForgotten,
    SpendNeverForced,
    SpendAlwaysForced,
    NothingGivenBack,
    GrantForgotten,
    ResetForgotten,
    RenewForgotten,
    RaiseIsHold,
    AllEnforced,
    NothingEnforced,
    SlidingTooShort,
    SlidingByTheCalendar,
}

struct Faulty {
    inner: MemoryStore,
    fault: Fault,
}

impl Faulty {
    fn account(&self, account: &mut Account) {
        let WindowKind::Sliding(span_ms) = account.window else {
            return;
        };
        match self.fault {
            Fault::SlidingTooShort => account.window = WindowKind::Sliding(span_ms / 20 * 19),
            Fault::SlidingByTheCalendar => {
                account.window = WindowKind::Minute;
                // Beside the account per minute that the script has anyway.
                account.time_zone = Arc::from(format!("Nowhere/{span_ms}"));
            }
            _ => {}
        }
    }

    fn request(&self, request: &HoldRequest) -> HoldRequest {
        let mut request = request.clone();
        for charge in &mut request.charges {
            self.account(&mut charge.account);
            match self.fault {
                Fault::AllEnforced => charge.enforce = true,
                Fault::NothingEnforced => charge.enforce = false,
                _ => {}
            }
        }
        request
    }
}

impl Store for Faulty {
    fn hold<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        Box::pin(ready(self.inner.hold_now(&self.request(request))))
    }

    fn raise<'a>(&'a self, request: &'a HoldRequest) -> StoreFuture<'a, HoldOutcome> {
        let request = self.request(request);
        Box::pin(ready(match self.fault {
            Fault::RaiseIsHold => self.inner.hold_now(&request),
            _ => self.inner.raise_now(&request),
        }))
    }

    fn renew<'a>(&'a self, receipt: &'a HoldReceipt) -> StoreFuture<'a, ()> {
        if self.fault == Fault::RenewForgotten {
            return Box::pin(ready(Ok(())));
        }
        self.inner.renew(receipt)
    }

    fn settle<'a>(&'a self, settlement: &'a Settlement) -> StoreFuture<'a, Vec<AccountState>> {
        let mut settlement = settlement.clone();
        match self.fault {
            Fault::HoldChargedInFull => settlement.charges.clear(),
            Fault::SettleForgotten => settlement.charges.fill(0),
            _ => {}
        }
        Box::pin(ready(self.inner.settle_now(&settlement)))
    }

    fn spend<'a>(&'a self, spends: &'a [Spend]) -> StoreFuture<'a, SpendOutcome> {
        let mut spends = spends.to_vec();
        for spend in &mut spends {
            self.account(&mut spend.account);
            match self.fault {
                Fault::SpendNeverForced => spend.forced = false,
                Fault::SpendAlwaysForced => spend.forced = true,
                Fault::NothingGivenBack => spend.amount = spend.amount.max(0),
                _ => {}
            }
        }
        Box::pin(ready(self.inner.spend_now(&spends)))
    }

    fn grant<'a>(&'a self, account: &'a Account, amount: u64) -> StoreFuture<'a, AccountState> {
        let amount = match self.fault {
            Fault::GrantForgotten => 0,
            _ => amount,
        };
        self.inner.grant(account, amount)
    }

    fn reset<'a>(&'a self, account: &'a Account) -> StoreFuture<'a, AccountState> {
        if self.fault == Fault::ResetForgotten {
            let state = self
                .inner
                .states_now(std::slice::from_ref(account))
                .remove(0);
            return Box::pin(ready(Ok(state)));
        }
        self.inner.reset(account)
    }

    fn list<'a>(&'a self, request: &'a PageRequest) -> StoreFuture<'a, Page> {
        self.inner.list(request)
    }

    fn states<'a>(&'a self, accounts: &'a [Account]) -> StoreFuture<'a, Vec<AccountState>> {
        let mut accounts = accounts.to_vec();
        accounts
            .iter_mut()
            .for_each(|account| self.account(account));
        Box::pin(ready(Ok(self.inner.states_now(&accounts))))
    }
}

/// Whether the check passes.
fn passes(fault: Fault, check: impl AsyncFnOnce(&Rig<'_>)) -> bool {
    let time = Time::default();
    let store = Faulty {
        inner: time.store(Bounds::default()),
        fault,
    };
    catch_unwind(AssertUnwindSafe(|| drive(&time, &store, check))).is_ok()
}

#[test]
fn fixed_scripts_find_each_fault() {
    let scripts = fixed_interleavings_answered_as_by_the_model;
    assert!(passes(Fault::None, scripts));
    for fault in [
        Fault::HoldChargedInFull,
        Fault::SettleForgotten,
        Fault::SpendNeverForced,
        Fault::SpendAlwaysForced,
        Fault::NothingGivenBack,
        Fault::GrantForgotten,
        Fault::ResetForgotten,
        Fault::RenewForgotten,
        Fault::RaiseIsHold,
        Fault::AllEnforced,
        Fault::NothingEnforced,
    ] {
        assert!(!passes(fault, scripts), "{fault:?} passes");
    }
}

#[test]
fn strict_use_finds_what_exceeds_a_limit() {
    let strict = fixed_strict_use_never_exceeds_a_limit;
    assert!(passes(Fault::None, strict));
    for fault in [
        Fault::SettleForgotten,
        Fault::SpendAlwaysForced,
        Fault::RenewForgotten,
        Fault::NothingEnforced,
        Fault::SlidingTooShort,
        Fault::SlidingByTheCalendar,
    ] {
        assert!(!passes(fault, strict), "{fault:?} passes");
    }
}
