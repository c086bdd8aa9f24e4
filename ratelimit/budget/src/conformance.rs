//! What every store must do, as checks that any store's tests can run.
//!
//! A store's test names one function that makes a store, wraps it in a [`Rig`] and drives the
//! check: `tollgate_budget::conformance_tests!(run);`. A failed check panics.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a failed check is a failed test"
)]

mod admission;
mod expiry;
mod raise;
mod settle;
mod windows;

use std::{future::poll_fn, sync::Arc, task::Poll};

use tollgate_bundle::{OnStoreFailure, WindowKind};

pub use self::{admission::*, expiry::*, raise::*, settle::*, windows::*};
use crate::{
    Account, AccountState, Charge, Denial, HoldId, HoldOutcome, HoldReceipt, HoldRequest,
    Settlement, Store, StoreFuture,
};

/// One test per check; `$run` takes a check (`impl AsyncFnOnce(&Rig<'_>)`) and drives it.
#[macro_export]
macro_rules! conformance_tests {
    ($run:path) => {
        $crate::conformance_tests! { @each $run,
            hold_counts_until_settled
            hold_up_to_exactly_the_limit_granted_next_denied
            hold_of_nothing_on_full_account_denied
            limit_zero_denies_first_request
            limit_beyond_32_bits_enforced
            limit_of_all_bits_does_not_wrap
            output_lowered_to_what_fits
            output_below_minimum_denied
            output_granted_by_the_account_with_least_room
            output_free_of_charge_granted_in_full
            minimum_above_want_is_lowered_to_want
            hold_on_all_accounts_or_none
            denial_names_account_that_frees_latest
            denial_names_account_with_least_left
            account_named_twice_pays_twice
            request_without_charges_granted
            hold_repeated_returns_first_receipt
            limit_edited_keeps_usage
            parallel_holds_admit_only_what_fits
            parallel_first_holds_of_unknown_subject_admit_only_what_fits
            forgotten_hold_freed_after_lifetime
            forgotten_hold_may_be_taken_again
            renewed_hold_lives_on
            renew_after_expiry_holds_again
            renew_after_settle_does_nothing
            raise_replaces_the_amounts
            raise_fits_beside_its_own_hold_only_once
            raise_denied_leaves_the_hold
            raise_to_less_on_full_account_granted
            raise_of_nothing_held_on_full_account_granted
            raise_moves_between_accounts
            raise_after_expiry_is_a_new_hold
            raise_after_settle_holds_nothing
            raise_lowers_output_to_what_fits
            settle_frees_hold_and_charges
            settle_twice_charges_once
            settle_twice_across_expiry_charges_once
            settle_after_expiry_charges
            settle_after_raise_frees_the_raised_hold
            settle_above_hold_charged_truthfully
            settle_of_nothing_releases
            settle_without_figure_charges_the_hold
            hold_after_settle_returns_receipt_and_holds_nothing
            window_over_frees_the_account
            settle_after_window_charges_no_later_window
            settle_after_window_frees_nothing_of_the_later_window
            raise_after_window_counts_in_the_later_window
            renew_after_window_holds_nothing_in_the_later_window
            windows_of_one_subject_apply_together
        }
    };
    (@each $run:path, $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $run($crate::conformance::$check);
            }
        )*
    };
}

/// Moves the time of a store under test.
pub trait TestClock {
    /// Lets `ms` pass for the store.
    fn advance(&self, ms: u64);

    /// Whether time stands still between two `advance`s. Where not, checks allow for the time they
    /// take themselves (less than a second each).
    fn stands_still(&self) -> bool {
        true
    }
}

/// A store under test.
pub struct Rig<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// Its time.
    pub clock: &'a dyn TestClock,
    /// After how long the store forgets a hold.
    pub hold_lifetime_ms: u64,
    /// Unlike that of any other check on the same store.
    pub run: u64,
}

// === impl Rig ===

impl Rig<'_> {
    /// An account per day of this check's own.
    fn account(&self, name: &str, limit: u64) -> Account {
        self.account_per(WindowKind::Day, name, limit)
    }

    fn account_per(&self, window: WindowKind, name: &str, limit: u64) -> Account {
        Account {
            budget: Arc::from("conformance/budget"),
            subject: Arc::from(format!("user:{name}-{}", self.run)),
            window,
            time_zone: Arc::from("UTC"),
            limit,
        }
    }

    /// A request for fixed amounts.
    fn ask(&self, id: u64, amounts: &[(&Account, u64)]) -> HoldRequest {
        let charges = amounts.iter().map(|(account, fixed)| Charge {
            account: (*account).clone(),
            fixed: *fixed,
            per_output: 0,
            enforce: true,
            on_failure: OnStoreFailure::Closed,
        });
        HoldRequest {
            id: HoldId(u128::from(self.run) << 64 | u128::from(id)),
            charges: charges.collect(),
            output_want: 0,
            output_min: 0,
        }
    }

    /// A request that pays for `want` output tokens, `min` at least, beside fixed amounts.
    fn ask_output(
        &self,
        id: u64,
        amounts: &[(&Account, u64)],
        want_min: (u64, u64),
    ) -> HoldRequest {
        let mut request = self.ask(id, amounts);
        request.charges.iter_mut().for_each(|c| c.per_output = 1);
        (request.output_want, request.output_min) = want_min;
        request
    }

    async fn hold(&self, request: &HoldRequest) -> HoldOutcome {
        self.store.hold(request).await.expect("the store answers")
    }

    async fn granted(&self, request: &HoldRequest) -> HoldReceipt {
        expect_granted(self.hold(request).await)
    }

    async fn denied(&self, request: &HoldRequest) -> Denial {
        expect_denied(self.hold(request).await)
    }

    async fn raise(&self, request: &HoldRequest) -> HoldOutcome {
        self.store.raise(request).await.expect("the store answers")
    }

    async fn renew(&self, receipt: &HoldReceipt) {
        self.store.renew(receipt).await.expect("the store answers");
    }

    async fn settle(&self, receipt: &HoldReceipt, charges: &[u64]) -> Vec<AccountState> {
        let settlement = Settlement {
            receipt: receipt.clone(),
            charges: charges.to_vec(),
        };
        self.store
            .settle(&settlement)
            .await
            .expect("the store answers")
    }

    async fn state(&self, account: &Account) -> AccountState {
        let accounts = [account.clone()];
        let states = self.store.states(&accounts).await;
        states.expect("the store answers").remove(0)
    }

    /// Settled and held.
    async fn standing(&self, account: &Account) -> (u64, u64) {
        let state = self.state(account).await;
        (state.settled, state.held)
    }

    /// Goes to the start of the account's next window, so that it does not end by chance during
    /// what follows.
    async fn enter_next_window(&self, account: &Account) {
        self.clock.advance(self.state(account).await.reset_ms);
    }

    fn outlive_hold(&self) {
        self.clock.advance(self.hold_lifetime_ms);
    }
}

fn expect_granted(outcome: HoldOutcome) -> HoldReceipt {
    match outcome {
        HoldOutcome::Granted(receipt) => receipt,
        HoldOutcome::Denied(denial) => panic!("granted expected: {denial:?}"),
    }
}

fn expect_denied(outcome: HoldOutcome) -> Denial {
    match outcome {
        HoldOutcome::Denied(denial) => denial,
        HoldOutcome::Granted(receipt) => panic!("denied expected: {receipt:?}"),
    }
}

/// Waits for all of them at once.
async fn join_all<T>(mut futures: Vec<StoreFuture<'_, T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|ctx| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(answer) = future.as_mut().poll(ctx)
            {
                *done = Some(answer.expect("the store answers"));
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
