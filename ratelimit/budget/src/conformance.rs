//! What every store must do, as checks that any store's tests can run.
//!
//! A store's test names one function that makes a store, wraps it in a [`Rig`] and drives the
//! check: `tollgate_budget::conformance_tests!(run);`. A failed check panics. More random scripts
//! than the suite's own: [`interleaving_answered_as_by_the_model`].

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a failed check is a failed test"
)]

mod admission;
mod expiry;
mod figures;
mod model;
mod operator;
mod raise;
mod settle;
mod sliding;
mod spend;
mod unenforced;
mod windows;

use std::{future::poll_fn, sync::Arc, task::Poll};

use tollgate_bundle::{OnStoreFailure, WindowKind};

pub use self::{
    admission::*, expiry::*, figures::*, model::*, operator::*, raise::*, settle::*, sliding::*,
    spend::*, unenforced::*, windows::*,
};
use crate::{
    Account, AccountState, Charge, Denial, Entry, HoldId, HoldOutcome, HoldReceipt, HoldRequest,
    Page, PageRequest, Settlement, Spend, SpendOutcome, Store, StoreFuture,
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
            asks_of_all_bits_do_not_wrap
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
            year_frees_at_its_end
            lifetime_never_frees
            sliding_charge_counts_until_its_bucket_is_older_than_the_span
            sliding_edge_of_the_clock_frees_nothing
            sliding_hold_counts_whatever_its_bucket
            sliding_settle_charges_the_bucket_of_admission
            sliding_settle_after_the_span_charges_nothing
            sliding_raise_moves_the_hold_to_the_present_bucket
            sliding_retry_is_when_enough_is_too_old
            sliding_retry_takes_holds_of_others_as_spent_now
            sliding_retry_of_what_never_fits_is_a_whole_span
            sliding_reset_is_when_nothing_counts
            sliding_grant_gone_with_its_bucket
            sliding_give_back_takes_the_latest_first
            sliding_spans_of_one_subject_are_apart
            spend_charges_at_once
            spend_up_to_exactly_the_limit_admitted_next_not
            spend_all_or_nothing
            spend_of_nothing_asks_whether_anything_is_left
            spend_forced_charged_beyond_the_limit
            spend_forced_charged_where_another_is_refused
            spend_sees_holds
            spend_on_one_account_judged_in_turn
            spend_given_back_down_to_nothing
            spend_given_back_fits_on_full_account
            spend_given_back_into_no_later_window
            spend_of_no_accounts_admitted
            parallel_spends_admit_only_what_fits
            grant_adds_to_the_limit
            grant_gone_with_the_window
            grant_on_unknown_account_counts
            grant_outlives_an_edited_limit
            reset_forgets_charges_and_grants_but_not_holds
            reset_of_unknown_account_changes_nothing
            settle_after_reset_charges
            list_shows_what_stands_on_a_budgets_accounts
            list_page_by_page_shows_each_account
            list_of_unknown_budget_is_empty
            unenforced_charge_recorded_beyond_the_limit
            unenforced_charge_never_lowers_the_output
            unenforced_charge_leaves_the_denial_to_others
            unenforced_charge_adds_nothing_to_what_an_enforced_one_needs
            unenforced_hold_raised_and_settled_like_others
            unenforced_holds_of_all_bits_leave_nothing_behind
            figures_near_the_greatest_limit_exact
            spends_near_the_greatest_limit_exact
            sums_beyond_the_greatest_limit_do_not_wrap
            grant_beyond_the_greatest_limit_does_not_wrap
            sliding_sums_beyond_the_greatest_limit_do_not_wrap
            unrecorded_receipt_charged_when_settled
            fixed_interleavings_answered_as_by_the_model
            fixed_interleavings_of_large_figures_answered_as_by_the_model
            fixed_strict_use_never_exceeds_a_limit
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
        let told = self.store.settle(&settlement).await;
        let told = told.expect("the store answers");
        match told.is_empty() {
            true => self.states_of(receipt).await,
            false => told,
        }
    }

    async fn states_of(&self, receipt: &HoldReceipt) -> Vec<AccountState> {
        let entries = receipt.entries.iter();
        let accounts: Vec<Account> = entries.map(|entry| entry.account.clone()).collect();
        let states = self.store.states(&accounts).await;
        states.expect("the store answers")
    }

    async fn spend(&self, spends: &[Spend]) -> SpendOutcome {
        self.store.spend(spends).await.expect("the store answers")
    }

    /// Spends that are not forced.
    async fn spend_on(&self, amounts: &[(&Account, i64)]) -> SpendOutcome {
        let spends: Vec<Spend> = (amounts.iter())
            .map(|(account, amount)| Spend {
                account: (*account).clone(),
                amount: *amount,
                forced: false,
            })
            .collect();
        self.spend(&spends).await
    }

    async fn spend_forced(&self, account: &Account, amount: i64) -> SpendOutcome {
        let spend = Spend {
            account: account.clone(),
            amount,
            forced: true,
        };
        self.spend(&[spend]).await
    }

    async fn grant(&self, account: &Account, amount: u64) -> AccountState {
        let state = self.store.grant(account, amount).await;
        state.expect("the store answers")
    }

    async fn reset(&self, account: &Account) -> AccountState {
        self.store.reset(account).await.expect("the store answers")
    }

    async fn page(&self, budget: &str, after: Option<String>, size: usize) -> Page {
        let request = PageRequest {
            budget: budget.to_owned(),
            after,
            size,
        };
        self.store.list(&request).await.expect("the store answers")
    }

    /// All pages of a budget.
    async fn list(&self, budget: &str, size: usize) -> Vec<Entry> {
        let mut page = self.page(budget, None, size).await;
        let mut entries = page.entries;
        while page.next.is_some() {
            page = self.page(budget, page.next, size).await;
            assert!(page.entries.len() <= size, "{}", page.entries.len());
            entries.extend(page.entries);
        }
        entries
    }

    /// Exact where time stands still; else up to two seconds may have passed.
    fn same_time(&self, found_ms: u64, expected_ms: u64, what: &str) {
        let passed_ms = expected_ms.checked_sub(found_ms);
        let allowed_ms = match self.clock.stands_still() {
            true => 0,
            false => 2_000,
        };
        let same = passed_ms.is_some_and(|passed_ms| passed_ms <= allowed_ms);
        assert!(same, "{found_ms} ms, expected {expected_ms} ms: {what}");
    }

    /// Equal but for the time that passed.
    fn same_state(&self, found: &AccountState, expected: &AccountState, what: &str) {
        let both = format!("{what}: {found:?}, expected {expected:?}");
        let plain = |state: &AccountState| AccountState {
            reset_ms: 0,
            ..state.clone()
        };
        assert_eq!(plain(found), plain(expected), "{both}");
        self.same_time(found.reset_ms, expected.reset_ms, &both);
    }

    /// So long before an edge a check looks whether it is still before it.
    fn shy_ms(&self) -> u64 {
        match self.clock.stands_still() {
            true => 1,
            false => 2_000,
        }
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
