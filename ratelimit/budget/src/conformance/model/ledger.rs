//! The reference: a list of live holds, and what was charged and granted by window or bucket.

use std::collections::BTreeMap;

use tollgate_bundle::WindowKind;

use crate::{
    Account, AccountState, HoldId, HoldReceipt, ReceiptEntry, Spend, SpendOutcome, SpendState,
    Window, Zone,
};

/// What the model calls an account. All are of one budget and in UTC.
pub(super) type Pot = (String, WindowKind);

#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) expires_ms: i64,
    pub(super) receipt: HoldReceipt,
}

#[derive(Clone, Copy, Debug, Default)]
struct Charged {
    settled: u128,
    granted: u128,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) now_ms: i64,
    pub(super) lifetime_ms: i64,
    pub(super) live: BTreeMap<HoldId, Live>,
    pub(super) settled: BTreeMap<HoldId, HoldReceipt>,
    /// By account and start of the window or bucket.
    charged: BTreeMap<(Pot, i64), Charged>,
    /// Ever charged, whatever became of its window.
    pub(super) charged_total: u128,
}

pub(super) fn pot(account: &Account) -> Pot {
    (account.subject.to_string(), account.window)
}

/// From the start of the window, or the bucket, until it counts no more.
pub(super) fn window(kind: WindowKind, now_ms: i64) -> (i64, i64) {
    let aligned = |length_ms: i64, counts_ms: i64| {
        let start_ms = now_ms - now_ms.rem_euclid(length_ms);
        (start_ms, start_ms + counts_ms)
    };
    match kind {
        WindowKind::Minute => aligned(60_000, 60_000),
        WindowKind::Hour => aligned(3_600_000, 3_600_000),
        WindowKind::Day => aligned(86_400_000, 86_400_000),
        WindowKind::Lifetime => (i64::MIN, i64::MAX),
        WindowKind::Sliding(span_ms) => {
            let span_ms = i64::try_from(span_ms).expect("a short span");
            aligned(span_ms / 20, span_ms / 20 + span_ms)
        }
        calendar => {
            let Window { start_ms, end_ms } = Window::containing(calendar, &Zone::utc(), now_ms);
            (start_ms, end_ms)
        }
    }
}

fn slides(kind: WindowKind) -> bool {
    matches!(kind, WindowKind::Sliding(_))
}

fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

impl Model {
    pub(super) fn new(now_ms: i64, lifetime_ms: u64) -> Self {
        Self {
            now_ms,
            lifetime_ms: i64::try_from(lifetime_ms).expect("a short lifetime"),
            live: BTreeMap::new(),
            settled: BTreeMap::new(),
            charged: BTreeMap::new(),
            charged_total: 0,
        }
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.now_ms += i64::try_from(ms).expect("a short wait");
        let now_ms = self.now_ms;
        self.live.retain(|_, live| live.expires_ms > now_ms);
    }

    pub(super) fn state(&self, account: &Account) -> AccountState {
        let pot = pot(account);
        let (settled, granted) = self.sums_at(&pot, self.now_ms);
        let held = self
            .live
            .values()
            .map(|l| self.held_on(&l.receipt, &pot).unwrap_or(0))
            .sum();
        AccountState {
            limit: account.limit,
            granted: narrow(granted),
            settled: narrow(settled),
            held: narrow(held),
            reset_ms: self.reset_ms(&pot, held > 0),
        }
    }

    /// What a receipt's hold has on an account now, if it is live; none where it has no part.
    pub(super) fn held_on(&self, receipt: &HoldReceipt, pot: &Pot) -> Option<u128> {
        let start_ms = window(pot.1, self.now_ms).0;
        let entries = receipt.entries.iter().filter(|entry| {
            self::pot(&entry.account) == *pot
                && (slides(pot.1) || entry.window_start_ms == start_ms)
        });
        entries
            .map(|entry| u128::from(entry.held))
            .reduce(|a, b| a + b)
    }

    /// Charged and granted, as far as it will count at that time.
    pub(super) fn sums_at(&self, pot: &Pot, at_ms: i64) -> (u128, u128) {
        let all = self.charged.iter();
        let counting =
            all.filter(|((of, start_ms), _)| of == pot && at_ms < window(pot.1, *start_ms).1);
        counting.fold((0, 0), |(settled, granted), (_, charged)| {
            (settled + charged.settled, granted + charged.granted)
        })
    }

    /// When something that counts now will count no more, earliest first.
    pub(super) fn ends(&self, pot: &Pot) -> Vec<i64> {
        let all = self.charged.keys().filter(|(of, _)| of == pot);
        let ends = all.map(|(_, start_ms)| window(pot.1, *start_ms).1);
        ends.filter(|end_ms| *end_ms > self.now_ms).collect()
    }

    fn reset_ms(&self, pot: &Pot, held: bool) -> u64 {
        let present_end_ms = window(pot.1, self.now_ms).1;
        let end_ms = if pot.1 == WindowKind::Lifetime {
            return u64::MAX;
        } else if held || !slides(pot.1) {
            present_end_ms
        } else {
            let charged = self
                .charged
                .iter()
                .filter(|((of, _), c)| of == pot && c.settled > 0);
            let ends = charged.map(|((_, start_ms), _)| window(pot.1, *start_ms).1);
            ends.max().unwrap_or(self.now_ms)
        };
        u64::try_from(end_ms - self.now_ms).unwrap_or(0)
    }

    pub(super) fn renew(&mut self, receipt: &HoldReceipt) {
        if self.settled.contains_key(&receipt.id) || receipt.entries.is_empty() {
            return;
        }
        let expires_ms = self.now_ms + self.lifetime_ms;
        let live = self.live.entry(receipt.id).or_insert_with(|| Live {
            expires_ms,
            receipt: receipt.clone(),
        });
        live.expires_ms = expires_ms;
    }

    pub(super) fn settle(&mut self, receipt: &HoldReceipt, charges: &[u64]) -> Vec<AccountState> {
        if !self.settled.contains_key(&receipt.id) && !receipt.entries.is_empty() {
            let live = self.live.remove(&receipt.id);
            let last = live.map_or_else(|| receipt.clone(), |live| live.receipt);
            self.settled.insert(receipt.id, last);
            for (entry, tokens) in receipt.entries.iter().zip(charges) {
                self.charge(entry, *tokens);
            }
        }
        let entries = receipt.entries.iter();
        entries.map(|entry| self.state(&entry.account)).collect()
    }

    fn charge(&mut self, entry: &ReceiptEntry, tokens: u64) {
        self.charged_total += u128::from(tokens);
        let key = (pot(&entry.account), entry.window_start_ms);
        // Also where it counts no more.
        self.charged.entry(key).or_default().settled += u128::from(tokens);
    }

    pub(super) fn spend(&mut self, spends: &[Spend]) -> SpendOutcome {
        let mut charged_before: BTreeMap<Pot, i128> = BTreeMap::new();
        let mut fits = vec![];
        for spend in spends {
            let state = self.state(&spend.account);
            let settled = charged_before
                .entry(pot(&spend.account))
                .or_insert(i128::from(state.settled));
            let left = i128::from(state.limit) + i128::from(state.granted)
                - i128::from(state.held)
                - *settled;
            let amount = i128::from(spend.amount);
            fits.push(amount < 0 || (left > 0 && amount <= left));
            *settled = (*settled + amount).max(0);
        }
        let admitted = spends.iter().zip(&fits).all(|(s, fits)| s.forced || *fits);
        for spend in spends.iter().filter(|spend| admitted || spend.forced) {
            self.apply(spend);
        }
        let accounts = spends.iter().zip(fits).map(|(spend, fits)| SpendState {
            fits,
            state: self.state(&spend.account),
        });
        SpendOutcome {
            admitted,
            accounts: accounts.collect(),
        }
    }

    fn apply(&mut self, spend: &Spend) {
        let pot = pot(&spend.account);
        let mut back = u128::from(0.min(spend.amount).unsigned_abs());
        let now_ms = self.now_ms;
        for ((of, start_ms), charged) in self.charged.iter_mut().rev() {
            if *of == pot && now_ms < window(pot.1, *start_ms).1 {
                let taken = back.min(charged.settled);
                charged.settled -= taken;
                back -= taken;
            }
        }
        if let Ok(tokens @ 1..) = u64::try_from(spend.amount) {
            self.charged_total += u128::from(tokens);
            self.present(pot).settled += u128::from(tokens);
        }
    }

    pub(super) fn grant(&mut self, account: &Account, amount: u64) -> AccountState {
        self.present(pot(account)).granted += u128::from(amount);
        self.state(account)
    }

    pub(super) fn reset(&mut self, account: &Account) -> AccountState {
        let reset = pot(account);
        self.charged.retain(|(of, _), _| *of != reset);
        self.state(account)
    }

    fn present(&mut self, pot: Pot) -> &mut Charged {
        let start_ms = window(pot.1, self.now_ms).0;
        self.charged.entry((pot, start_ms)).or_default()
    }
}
