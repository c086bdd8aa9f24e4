//! Random interleavings against a model that keeps every event and counts anew each time.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{Denial, ReceiptEntry};

const LIFETIME_MS: i64 = 30_000;
const LIMITS: [u64; 3] = [0, 50, 120];

/// One step. Accounts and ids are drawn from few, so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    Hold(Ask),
    Raise(Ask),
    Renew(usize),
    Settle(usize, Vec<u64>),
    Wait(i64),
}

#[derive(Clone, Debug)]
struct Ask {
    id: u128,
    // Account, limit, fixed, per output.
    charges: Vec<(usize, usize, u64, u64)>,
    want: u64,
    min: u64,
}

/// What the model calls an account: subject and window length.
type Pot = (usize, i64);

#[derive(Clone, Debug)]
struct Live {
    id: HoldId,
    expires_ms: i64,
    receipt: HoldReceipt,
}

#[derive(Default)]
struct Model {
    now_ms: i64,
    live: Vec<Live>,
    settled: BTreeMap<HoldId, HoldReceipt>,
    // Pot, window start, tokens.
    charges: Vec<(Pot, i64, u64)>,
}

fn pot(account: &Account) -> Pot {
    let length_ms = match account.window {
        WindowKind::Minute => 60_000,
        _ => 3_600_000,
    };
    let subject = account.subject.parse().expect("the subject is a number");
    (subject, length_ms)
}

impl Model {
    fn start(&self, pot: Pot) -> i64 {
        self.now_ms - self.now_ms.rem_euclid(pot.1)
    }

    fn state(&self, account: &Account) -> AccountState {
        let pot = pot(account);
        let start = self.start(pot);
        let settled = self.charges.iter().filter(|c| c.0 == pot && c.1 == start);
        AccountState {
            limit: account.limit,
            granted: 0,
            settled: settled.map(|c| c.2).sum(),
            held: self.live.iter().map(|l| held_on(l, pot, start)).sum(),
            reset_ms: u64::try_from(start + pot.1 - self.now_ms).expect("not over"),
        }
    }

    /// Tries each output from the most to the least.
    fn admit(&mut self, request: &HoldRequest) -> HoldOutcome {
        let own = self.live.iter().find(|live| live.id == request.id).cloned();
        let min = request.output_min.min(request.output_want);
        let misfits = |output: u64| -> Vec<(usize, u64)> {
            (0..request.charges.len())
                .filter_map(|i| {
                    self.misfit(request, own.as_ref(), i, output)
                        .map(|n| (i, n))
                })
                .collect()
        };
        let Some(output) = (min..=request.output_want)
            .rev()
            .find(|o| misfits(*o).is_empty())
        else {
            return HoldOutcome::Denied(self.denial(request, misfits(min)));
        };
        self.live.retain(|live| live.id != request.id);
        let mut receipt = HoldReceipt {
            id: request.id,
            output_granted: output,
            entries: vec![],
            recorded: true,
        };
        for charge in &request.charges {
            receipt.entries.push(ReceiptEntry {
                account: charge.account.clone(),
                window_start_ms: self.start(pot(&charge.account)),
                held: charge.fixed + charge.per_output * output,
                state: self.state(&charge.account),
            });
        }
        let mut live = Live {
            id: request.id,
            expires_ms: self.now_ms + LIFETIME_MS,
            receipt,
        };
        self.live.push(live.clone());
        for entry in &mut live.receipt.entries {
            entry.state = self.state(&entry.account);
        }
        self.live.pop();
        if !request.charges.is_empty() {
            self.live.push(live.clone());
        }
        HoldOutcome::Granted(live.receipt)
    }

    fn misfit(
        &self,
        request: &HoldRequest,
        own: Option<&Live>,
        index: usize,
        output: u64,
    ) -> Option<u64> {
        let account = &request.charges[index].account;
        let pot = pot(account);
        let need: u64 = (request.charges.iter())
            .filter(|charge| self::pot(&charge.account) == pot)
            .map(|charge| charge.fixed + charge.per_output * output)
            .sum();
        let start = self.start(pot);
        let own = own.filter(|own| has_part(own, pot, start));
        let mine = own.map_or(0, |own| held_on(own, pot, start));
        let state = self.state(account);
        let used = state.settled + state.held - mine;
        let fits = used < account.limit && used + need <= account.limit;
        let had = own.is_some() && need <= mine;
        (!fits && !had).then_some(need)
    }

    fn denial(&self, request: &HoldRequest, misfits: Vec<(usize, u64)>) -> Denial {
        let mut named: Vec<_> = misfits
            .into_iter()
            .map(|(i, needed)| (i, needed, self.state(&request.charges[i].account)))
            .collect();
        named.sort_by_key(|(i, _, state)| {
            (std::cmp::Reverse(state.reset_ms), state.remaining(), *i)
        });
        let (tightest, needed, state) = named.remove(0);
        Denial {
            tightest,
            retry_ms: state.reset_ms,
            state,
            needed,
        }
    }

    fn hold(&mut self, request: &HoldRequest) -> HoldOutcome {
        let live = self.live.iter().find(|live| live.id == request.id);
        let known = live.map(|live| &live.receipt);
        match known.or_else(|| self.settled.get(&request.id)) {
            Some(receipt) => HoldOutcome::Granted(receipt.clone()),
            None => self.admit(request),
        }
    }

    fn raise(&mut self, request: &HoldRequest) -> HoldOutcome {
        match self.settled.get(&request.id) {
            Some(receipt) => HoldOutcome::Granted(receipt.clone()),
            None => self.admit(request),
        }
    }

    fn renew(&mut self, receipt: &HoldReceipt) {
        if self.settled.contains_key(&receipt.id) || receipt.entries.is_empty() {
            return;
        }
        let expires_ms = self.now_ms + LIFETIME_MS;
        match self.live.iter_mut().find(|live| live.id == receipt.id) {
            Some(live) => live.expires_ms = expires_ms,
            None => self.live.push(Live {
                id: receipt.id,
                expires_ms,
                receipt: receipt.clone(),
            }),
        }
    }

    fn settle(&mut self, receipt: &HoldReceipt, charges: &[u64]) -> Vec<AccountState> {
        if !self.settled.contains_key(&receipt.id) && !receipt.entries.is_empty() {
            let live = self.live.iter().find(|live| live.id == receipt.id);
            let last = live.map_or(receipt, |live| &live.receipt).clone();
            self.settled.insert(receipt.id, last);
            self.live.retain(|live| live.id != receipt.id);
            for (entry, tokens) in receipt.entries.iter().zip(charges) {
                self.charges
                    .push((pot(&entry.account), entry.window_start_ms, *tokens));
            }
        }
        receipt
            .entries
            .iter()
            .map(|e| self.state(&e.account))
            .collect()
    }

    fn wait(&mut self, ms: i64) {
        self.now_ms += ms;
        self.live.retain(|live| live.expires_ms > self.now_ms);
    }
}

fn has_part(live: &Live, pot: Pot, start: i64) -> bool {
    let entries = &live.receipt.entries;
    entries
        .iter()
        .any(|e| self::pot(&e.account) == pot && e.window_start_ms == start)
}

fn held_on(live: &Live, pot: Pot, start: i64) -> u64 {
    let entries = live.receipt.entries.iter();
    entries
        .filter(|e| self::pot(&e.account) == pot && e.window_start_ms == start)
        .map(|e| e.held)
        .sum()
}

/// Three subjects, each per minute and per hour.
fn pot_account(index: usize, limit: usize) -> Account {
    let windows = [WindowKind::Minute, WindowKind::Hour];
    account(windows[index % 2], &(index / 2).to_string(), LIMITS[limit])
}

fn request(ask: &Ask) -> HoldRequest {
    let charges = ask.charges.iter().map(|(index, limit, fixed, per)| Charge {
        account: pot_account(*index, *limit),
        fixed: *fixed,
        per_output: *per,
        enforce: true,
        on_failure: tollgate_bundle::OnStoreFailure::Closed,
    });
    HoldRequest {
        id: HoldId(ask.id),
        charges: charges.collect(),
        output_want: ask.want,
        output_min: ask.min,
    }
}

fn asks(limits: impl Strategy<Value = usize> + Clone) -> impl Strategy<Value = Ask> {
    let charge = (0..6_usize, limits, 0..40_u64, 0..3_u64);
    (0..12_u128, vec(charge, 0..4), 0..30_u64, 0..20_u64).prop_map(|(id, charges, want, min)| Ask {
        id,
        charges,
        want,
        min,
    })
}

fn steps(
    limits: impl Strategy<Value = usize> + Clone + 'static,
    used: std::ops::Range<u64>,
) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => asks(limits.clone()).prop_map(Step::Hold),
        2 => asks(limits).prop_map(Step::Raise),
        2 => (0..20_usize).prop_map(Step::Renew),
        4 => (0..20_usize, vec(used, 4)).prop_map(|(n, used)| Step::Settle(n, used)),
        3 => prop_oneof![0..3_000_i64, 5_000..40_000_i64].prop_map(Step::Wait),
    ];
    vec(step, 1..120)
}

/// Which limit an account of the random steps is asked under: mostly the same.
fn limits() -> impl Strategy<Value = usize> + Clone {
    prop_oneof![1 => Just(0_usize), 3 => Just(1), 8 => Just(2)]
}

fn all_accounts() -> Vec<Account> {
    (0..6).map(|index| pot_account(index, 2)).collect()
}

/// Settlements are never forgotten within a run: the model forgets none.
fn bounds() -> Bounds {
    Bounds {
        hold_lifetime_ms: 30_000,
        ..Bounds::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn store_answers_as_the_model_does(steps in steps(limits(), 0..80)) {
        let time = Time::default();
        let store = time.store(bounds());
        let mut model = Model { now_ms: time.0.load(Ordering::Relaxed), ..Model::default() };
        // Receipts with the time of their settlement.
        let mut receipts: Vec<HoldReceipt> = vec![];
        let mut settled_at: BTreeMap<HoldId, i64> = BTreeMap::new();
        for step in steps {
            // The store may forget a settlement after two lifetimes; then the model does not know.
            let fresh = |id: &HoldId, now: i64| {
                settled_at.get(id).is_none_or(|at| now < at + 2 * LIFETIME_MS)
            };
            match step {
                Step::Hold(ask) | Step::Raise(ask) if !fresh(&HoldId(ask.id), model.now_ms) => {}
                Step::Hold(ask) => {
                    let request = request(&ask);
                    let outcome = store.hold_now(&request).expect("there is room");
                    prop_assert_eq!(&outcome, &model.hold(&request));
                    if let HoldOutcome::Granted(receipt) = outcome {
                        receipts.push(receipt);
                    }
                }
                Step::Raise(ask) => {
                    let request = request(&ask);
                    let outcome = store.raise_now(&request).expect("there is room");
                    prop_assert_eq!(&outcome, &model.raise(&request));
                    if let HoldOutcome::Granted(receipt) = outcome {
                        receipts.push(receipt);
                    }
                }
                Step::Renew(n) => {
                    let Some(receipt) = receipts.iter().rev().nth(n) else { continue };
                    if fresh(&receipt.id, model.now_ms) {
                        store.renew_now(receipt).expect("there is room");
                        model.renew(receipt);
                    }
                }
                Step::Settle(n, used) => {
                    let Some(receipt) = receipts.iter().rev().nth(n) else { continue };
                    if !fresh(&receipt.id, model.now_ms) {
                        continue;
                    }
                    let charges = used[..receipt.entries.len()].to_vec();
                    let settlement = Settlement { receipt: receipt.clone(), charges };
                    let states = store.settle_now(&settlement).expect("there is room");
                    prop_assert_eq!(states, model.settle(receipt, &settlement.charges));
                    if !receipt.entries.is_empty() {
                        settled_at.entry(receipt.id).or_insert(model.now_ms);
                    }
                }
                Step::Wait(ms) => {
                    time.step(ms);
                    model.wait(ms);
                }
            }
            let accounts = all_accounts();
            let expected: Vec<_> = accounts.iter().map(|a| model.state(a)).collect();
            prop_assert_eq!(store.states_now(&accounts), expected);
            prop_assert_eq!(store.usage().holds, model.live.len());
        }
        let sum: u64 = model.charges.iter().map(|charge| charge.2).sum();
        prop_assert_eq!(store.settled_total("default/budget"), sum);
    }

    /// Strict use: one limit per account, holds kept alive, no charge above its hold.
    #[test]
    fn strict_use_never_exceeds_a_limit(steps in steps(Just(2), 0..200)) {
        let time = Time::default();
        let store = time.store(bounds());
        let mut live: Vec<HoldReceipt> = vec![];
        let mut used_ids = 0_u128;
        for step in steps {
            match step {
                Step::Hold(mut ask) => {
                    used_ids += 1;
                    ask.id = used_ids;
                    if let Ok(HoldOutcome::Granted(receipt)) = store.hold_now(&request(&ask)) {
                        live.push(receipt);
                    }
                }
                Step::Raise(mut ask) => {
                    let Some(receipt) = live.first_mut() else { continue };
                    ask.id = receipt.id.0;
                    if let Ok(HoldOutcome::Granted(raised)) = store.raise_now(&request(&ask)) {
                        *receipt = raised;
                    }
                }
                Step::Renew(_) => {}
                Step::Settle(n, used) => {
                    if live.is_empty() {
                        continue;
                    }
                    let receipt = live.swap_remove(n % live.len());
                    let charges = receipt.entries.iter().zip(used).map(|(e, u)| u.min(e.held));
                    let settlement = Settlement { charges: charges.collect(), receipt };
                    store.settle_now(&settlement).expect("there is room");
                }
                Step::Wait(ms) => {
                    // Streams renew more often than holds expire.
                    for _ in 0..2 {
                        time.step((ms / 2).min(LIFETIME_MS - 1));
                        for receipt in &live {
                            store.renew_now(receipt).expect("there is room");
                        }
                    }
                }
            }
            for state in store.states_now(&all_accounts()) {
                prop_assert!(state.settled + state.held <= state.limit, "{:?}", state);
            }
        }
        prop_assert_eq!(store.overrun_total(), 0);
    }
}
