//! Drives a store and the reference through the same steps, and compares each answer.

use std::collections::BTreeMap;

use tollgate_bundle::{OnStoreFailure, WindowKind};

use super::{
    GRID_MS, Rig,
    ledger::Model,
    script::{self, Ask, Figures, POTS, SpendAsk, Step},
};
use crate::{
    Account, AccountState, Charge, Denial, HoldId, HoldOutcome, HoldReceipt, HoldRequest, Spend,
};

/// What a script left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Holds that are still live.
    pub live_holds: usize,
    /// Tokens ever charged.
    pub charged: u128,
}

/// A store and the reference side by side.
pub(super) struct Pair<'a> {
    pub(super) rig: &'a Rig<'a>,
    pub(super) model: Model,
    name: u64,
    figures: Figures,
    kinds: [WindowKind; 3],
}

/// Runs the script that the words make, each word one step. After each step what stands on every
/// account is compared, to the last unit and millisecond; where the store's time does not stand
/// still, times to within two seconds (then a hold must live for 2 s more than a multiple of 4 s).
///
/// # Panics
/// Where the store answers something else than the reference.
pub async fn interleaving_answered_as_by_the_model(
    rig: &Rig<'_>,
    name: u64,
    words: &[u64],
    figures: Figures,
) -> Tally {
    let mut pair = Pair::new(rig, name, words, figures).await;
    let mut receipts: Vec<HoldReceipt> = vec![];
    let mut settled_at: BTreeMap<HoldId, i64> = BTreeMap::new();
    for (index, word) in words.iter().enumerate() {
        let step = script::step(*word, figures);
        let at = format!("script {name}, step {index}: {step:?}");
        match step {
            Step::Hold(ask) | Step::Raise(ask) if pair.forgotten(&settled_at, pair.id(ask.id)) => {}
            Step::Hold(ask) => {
                let request = pair.request(&ask);
                let outcome = rig.hold(&request).await;
                let expected = pair.model.hold(&request);
                pair.keep(&mut receipts, outcome, &expected, &at);
            }
            Step::Raise(ask) => {
                let request = pair.request(&ask);
                let outcome = rig.raise(&request).await;
                let expected = pair.model.raise(&request);
                pair.keep(&mut receipts, outcome, &expected, &at);
            }
            Step::Renew(n) => {
                let Some(receipt) = receipts.iter().rev().nth(n) else {
                    continue;
                };
                if !pair.forgotten(&settled_at, receipt.id) {
                    rig.renew(receipt).await;
                    pair.model.renew(receipt);
                }
            }
            Step::Settle(n, used) => {
                let Some(receipt) = receipts.iter().rev().nth(n) else {
                    continue;
                };
                if pair.forgotten(&settled_at, receipt.id) {
                    continue;
                }
                let charges = pair.charges(receipt, used);
                let states = rig.settle(receipt, &charges).await;
                let expected = pair.model.settle(receipt, &charges);
                pair.same_states(&states, &expected, &at);
                if !receipt.entries.is_empty() {
                    settled_at.entry(receipt.id).or_insert(pair.model.now_ms);
                }
            }
            Step::Spend(asks) => pair.spend(&asks, &at).await,
            Step::Grant(pot, amount) => {
                let account = pair.account(pot, script::limit_max(figures));
                let state = rig.grant(&account, amount).await;
                let expected = pair.model.grant(&account, amount);
                pair.same_states(&[state], &[expected], &at);
            }
            Step::Reset(pot) => {
                let account = pair.account(pot, script::limit_max(figures));
                let state = rig.reset(&account).await;
                let expected = pair.model.reset(&account);
                pair.same_states(&[state], &[expected], &at);
            }
            Step::Wait(ms) => pair.wait(ms),
        }
        pair.compare_all(&at).await;
    }
    Tally {
        live_holds: pair.model.live.len(),
        charged: pair.model.charged_total,
    }
}

impl<'a> Pair<'a> {
    /// Learns the store's time from a hold that leaves nothing behind.
    pub(super) async fn new(
        rig: &'a Rig<'a>,
        name: u64,
        words: &[u64],
        figures: Figures,
    ) -> Pair<'a> {
        let minute = rig.account_per(WindowKind::Minute, &format!("probe{name}"), 1);
        if !rig.clock.stands_still() {
            assert_eq!(
                rig.hold_lifetime_ms % GRID_MS,
                GRID_MS / 2,
                "where time does not stand still the hold lifetime is to lie off the grid"
            );
            rig.enter_next_window(&minute).await;
        }
        let probe = rig
            .granted(&rig.ask(name << 32 | u64::from(u32::MAX), &[(&minute, 1)]))
            .await;
        let states = rig.settle(&probe, &[0]).await;
        let now_ms = if rig.clock.stands_still() {
            let left_ms = i64::try_from(states[0].reset_ms).expect("within a minute");
            probe.entries[0].window_start_ms + 60_000 - left_ms
        } else {
            probe.entries[0].window_start_ms
        };
        Self {
            rig,
            model: Model::new(now_ms, rig.hold_lifetime_ms),
            name,
            figures,
            kinds: script::kinds(words),
        }
    }

    pub(super) fn account(&self, pot: usize, limit: u64) -> Account {
        let subject = format!("model{}-{}", self.name, pot / 3);
        self.rig.account_per(self.kinds[pot % 3], &subject, limit)
    }

    pub(super) fn id(&self, id: u64) -> HoldId {
        self.rig.ask(self.name << 32 | id, &[]).id
    }

    pub(super) fn request(&self, ask: &Ask) -> HoldRequest {
        let charges = ask.charges.iter().map(|charge| Charge {
            account: self.account(charge.pot, charge.limit),
            fixed: charge.fixed,
            per_output: charge.per_output,
            enforce: charge.enforce,
            on_failure: OnStoreFailure::Closed,
        });
        HoldRequest {
            id: self.id(ask.id),
            charges: charges.collect(),
            output_want: ask.want,
            output_min: ask.min,
        }
    }

    /// A store remembers settlements for two hold lifetimes; the model for ever.
    fn forgotten(&self, settled_at: &BTreeMap<HoldId, i64>, id: HoldId) -> bool {
        let kept_ms = 2 * self.model.lifetime_ms;
        settled_at
            .get(&id)
            .is_some_and(|at_ms| self.model.now_ms >= at_ms + kept_ms)
    }

    fn charges(&self, receipt: &HoldReceipt, used: [u64; 4]) -> Vec<u64> {
        let entries = receipt.entries.iter().zip(used);
        let charges = entries.map(|(entry, used)| match self.figures {
            Figures::Everyday => used % 80,
            Figures::Large => used % (entry.held + 1),
        });
        charges.collect()
    }

    pub(super) async fn spend(&mut self, asks: &[SpendAsk], at: &str) {
        let spends: Vec<Spend> = (asks.iter())
            .map(|ask| Spend {
                account: self.account(ask.pot, ask.limit),
                amount: ask.amount,
                forced: ask.forced,
            })
            .collect();
        let outcome = self.rig.spend(&spends).await;
        let expected = self.model.spend(&spends);
        assert_eq!(outcome.admitted, expected.admitted, "{at}");
        assert_eq!(outcome.accounts.len(), expected.accounts.len(), "{at}");
        for (found, expected) in outcome.accounts.iter().zip(&expected.accounts) {
            assert_eq!(found.fits, expected.fits, "{at}");
            self.rig.same_state(&found.state, &expected.state, at);
        }
    }

    pub(super) fn wait(&mut self, ms: u64) {
        let ms = match (self.rig.clock.stands_still(), ms) {
            (true, ms) => ms,
            (false, 0..1_000) => 0,
            (false, ms) => ms.next_multiple_of(GRID_MS),
        };
        self.rig.clock.advance(ms);
        self.model.wait(ms);
    }

    /// Compares what stands everywhere.
    async fn compare_all(&mut self, at: &str) {
        let max = script::limit_max(self.figures);
        let accounts: Vec<Account> = (0..POTS).map(|pot| self.account(pot, max)).collect();
        let states = self
            .rig
            .store
            .states(&accounts)
            .await
            .expect("the store answers");
        let expected: Vec<_> = accounts.iter().map(|a| self.model.state(a)).collect();
        self.same_states(&states, &expected, at);
        self.follow_time(&states[0]);
    }

    /// Goes on to the next point of the grid where the store's time, which the account per minute
    /// shows, has run on too far.
    pub(super) fn follow_time(&mut self, minute: &AccountState) {
        let expected = self.model.state(&self.account(0, minute.limit));
        let drift_ms = expected.reset_ms - minute.reset_ms;
        if drift_ms > 1_000 {
            self.rig.clock.advance(GRID_MS - drift_ms);
            self.model.wait(GRID_MS);
        }
    }

    /// Compares the answer to a hold or a raise; keeps the receipt.
    fn keep(
        &self,
        receipts: &mut Vec<HoldReceipt>,
        outcome: HoldOutcome,
        expected: &HoldOutcome,
        at: &str,
    ) {
        match (outcome, expected) {
            (HoldOutcome::Granted(found), HoldOutcome::Granted(expected)) => {
                self.same_receipt(&found, expected, at);
                if self.figures == Figures::Large {
                    receipts.retain(|receipt| receipt.id != found.id);
                }
                receipts.push(found);
            }
            (HoldOutcome::Denied(found), HoldOutcome::Denied(expected)) => {
                self.same_denial(&found, expected, at);
            }
            (found, expected) => panic!("{at}: {found:?}, expected {expected:?}"),
        }
    }

    fn same_receipt(&self, found: &HoldReceipt, expected: &HoldReceipt, at: &str) {
        let plain = |receipt: &HoldReceipt| {
            let mut plain = receipt.clone();
            plain
                .entries
                .iter_mut()
                .for_each(|entry| entry.state.reset_ms = 0);
            plain
        };
        assert_eq!(plain(found), plain(expected), "{at}");
        for (found, expected) in found.entries.iter().zip(&expected.entries) {
            self.rig.same_state(&found.state, &expected.state, at);
        }
    }

    fn same_denial(&self, found: &Denial, expected: &Denial, at: &str) {
        let both = format!("{at}: {found:?}, expected {expected:?}");
        assert_eq!(
            (found.tightest, found.needed),
            (expected.tightest, expected.needed),
            "{both}"
        );
        self.rig.same_state(&found.state, &expected.state, at);
        self.rig.same_time(found.retry_ms, expected.retry_ms, &both);
    }

    fn same_states(&self, found: &[AccountState], expected: &[AccountState], at: &str) {
        assert_eq!(found.len(), expected.len(), "{at}");
        for (found, expected) in found.iter().zip(expected) {
            self.rig.same_state(found, expected, at);
        }
    }
}
