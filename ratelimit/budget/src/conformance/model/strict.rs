//! The promise, on any store: strict use never exceeds a limit, in a sliding window in no span.

use std::collections::BTreeMap;

use tollgate_bundle::WindowKind;

use super::{
    Rig,
    driver::Pair,
    ledger::window,
    script::{self, Ask, Figures, POTS, Step},
};
use crate::{Account, HoldId, HoldOutcome, HoldReceipt, HoldRequest, Spend};

/// When it was admitted, on which account, and how much.
type Spent = (i64, usize, u64);

/// Runs the script with one limit per account, ids that are used once, holds that are kept alive,
/// no charge above its hold, and no spend that is forced. What is settled and held never exceeds
/// the limit; and of all that was spent, no calendar window and no interval as long as a sliding
/// window has more than its limit.
///
/// # Panics
/// Where it does.
pub async fn strict_use_never_exceeds_a_limit(rig: &Rig<'_>, name: u64, words: &[u64]) {
    let mut run = Run {
        pair: Pair::new(rig, name, words, Figures::Everyday).await,
        flying: BTreeMap::new(),
        spent: vec![],
        ids: 0,
    };
    for word in words {
        match script::step(*word, Figures::Everyday) {
            Step::Hold(ask) => run.hold(ask).await,
            Step::Raise(ask) => run.raise(ask).await,
            Step::Settle(n, used) => run.settle(n, used[0] % 80).await,
            Step::Spend(asks) => {
                for ask in asks.into_iter().filter(|ask| ask.amount > 0) {
                    run.spend(ask.pot, ask.amount).await;
                }
            }
            Step::Wait(ms) => run.wait(ms).await,
            // Not for strict use: greed instead, so that limits are reached.
            Step::Renew(_) | Step::Grant(..) | Step::Reset(_) => run.spend_all().await,
        }
        run.check_standing().await;
    }
    for call in std::mem::take(&mut run.flying).into_values() {
        run.bill(&call, u64::MAX).await;
    }
    run.check_standing().await;
    run.check_spent();
}

const LIMIT: u64 = 120;

struct Run<'a> {
    pair: Pair<'a>,
    flying: BTreeMap<HoldId, Call>,
    spent: Vec<Spent>,
    ids: u64,
}

/// A call in flight.
struct Call {
    admitted_ms: i64,
    receipt: HoldReceipt,
    /// Of each entry.
    pots: Vec<usize>,
}

// === impl Run ===

impl Run<'_> {
    async fn hold(&mut self, mut ask: Ask) {
        self.ids += 1;
        ask.id = self.ids;
        let request = self.request(&mut ask);
        let outcome = self.pair.rig.hold(&request).await;
        self.admit(&ask, outcome);
    }

    async fn raise(&mut self, mut ask: Ask) {
        let Some(id) = self.flying.keys().next() else {
            return;
        };
        ask.id = u64::try_from(id.0 & u128::from(u32::MAX)).expect("32 bits");
        let request = self.request(&mut ask);
        let outcome = self.pair.rig.raise(&request).await;
        self.admit(&ask, outcome);
    }

    fn request(&self, ask: &mut Ask) -> HoldRequest {
        for charge in &mut ask.charges {
            (charge.limit, charge.enforce) = (LIMIT, true);
        }
        self.pair.request(ask)
    }

    fn admit(&mut self, ask: &Ask, outcome: HoldOutcome) {
        if let HoldOutcome::Granted(receipt) = outcome {
            let call = Call {
                admitted_ms: self.pair.model.now_ms,
                pots: ask.charges.iter().map(|charge| charge.pot).collect(),
                receipt,
            };
            self.flying.insert(call.receipt.id, call);
        }
    }

    async fn renew(&self) {
        for call in self.flying.values() {
            self.pair.rig.renew(&call.receipt).await;
        }
    }

    async fn settle(&mut self, n: usize, used: u64) {
        let id = self
            .flying
            .keys()
            .nth(n % self.flying.len().max(1))
            .copied();
        if let Some(call) = id.and_then(|id| self.flying.remove(&id)) {
            self.bill(&call, used).await;
        }
    }

    async fn bill(&mut self, call: &Call, used: u64) {
        let entries = || call.receipt.entries.iter();
        let charges: Vec<u64> = entries().map(|entry| used.min(entry.held)).collect();
        self.pair.rig.settle(&call.receipt, &charges).await;
        let spent = call.pots.iter().zip(charges);
        self.spent
            .extend(spent.map(|(pot, tokens)| (call.admitted_ms, *pot, tokens)));
    }

    async fn spend(&mut self, pot: usize, amount: i64) {
        let spend = Spend {
            account: self.pair.account(pot, LIMIT),
            amount,
            forced: false,
        };
        if self.pair.rig.spend(&[spend]).await.admitted {
            let tokens = u64::try_from(amount).expect("more than 0");
            self.spent.push((self.pair.model.now_ms, pot, tokens));
        }
    }

    /// All that is left anywhere.
    async fn spend_all(&mut self) {
        for pot in 0..POTS {
            let left = self
                .pair
                .rig
                .state(&self.pair.account(pot, LIMIT))
                .await
                .remaining();
            if left > 0 {
                self.spend(pot, i64::try_from(left).expect("a small limit"))
                    .await;
            }
        }
    }

    /// Half of the waits are about as long as the short sliding window, where one that is cut too
    /// short shows. Streams renew more often than holds expire.
    async fn wait(&mut self, ms: u64) {
        let mut left_ms = match ms % 2 {
            0 => ms,
            _ => 74_000 + ms % 12_000,
        };
        while left_ms > 0 {
            let part_ms = left_ms.min(self.pair.rig.hold_lifetime_ms / 2);
            self.pair.wait(part_ms);
            self.renew().await;
            left_ms -= part_ms;
        }
    }

    async fn check_standing(&mut self) {
        let accounts: Vec<Account> = (0..POTS).map(|pot| self.pair.account(pot, LIMIT)).collect();
        let states = self.pair.rig.store.states(&accounts).await;
        let states = states.expect("the store answers");
        for state in &states {
            assert!(state.settled + state.held <= state.limit, "{state:?}");
        }
        self.pair.follow_time(&states[0]);
    }

    fn check_spent(&self) {
        for pot in 0..POTS {
            let kind = self.pair.account(pot, LIMIT).window;
            let here = || self.spent.iter().filter(move |spent| spent.1 == pot);
            for (from_ms, ..) in here() {
                let until_ms = match kind {
                    WindowKind::Sliding(span_ms) => {
                        from_ms + i64::try_from(span_ms).expect("a short span")
                    }
                    calendar => window(calendar, *from_ms).1 - 1,
                };
                let within = here().filter(|(at_ms, ..)| (*from_ms..=until_ms).contains(at_ms));
                let sum: u64 = within.map(|(.., tokens)| tokens).sum();
                assert!(sum <= LIMIT, "{kind:?} from {from_ms}: {sum} spent");
            }
        }
    }
}
