//! What the scripts are told: each operation's keys and its argument, as `script/*.lua` read them.

use std::collections::HashMap;

use tollgate_budget::{
    Account, Charge, HoldReceipt, HoldRequest, Settlement, Spend, window::sliding,
};
use tollgate_bundle::WindowKind;

use crate::{
    clock::StoreClock,
    keys::{Keys, Name},
    wire::Writer,
};

/// No figure is greater, but sums of them may be; such a sum is told as this.
const TOO_MUCH: u128 = 1 << 64;

/// The different accounts that an operation names.
#[derive(Debug)]
pub(crate) struct Accounts<'a> {
    /// In the order of their first mention.
    pub(crate) different: Vec<&'a Account>,
    /// Their names.
    pub(crate) names: Vec<String>,
    /// For each mention which of them.
    pub(crate) index: Vec<usize>,
}

/// What every operation's argument begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) clock: &'a StoreClock,
    pub(crate) hold_lifetime_ms: u64,
    pub(crate) settled_lifetime_ms: u64,
}

// === impl Accounts ===

impl<'a> Accounts<'a> {
    pub(crate) fn of(mentions: impl Iterator<Item = &'a Account>) -> Self {
        let mut accounts = Self {
            different: Vec::new(),
            names: Vec::new(),
            index: Vec::new(),
        };
        // Few are named as a rule; a map only where there are many.
        let mut by_name: HashMap<String, usize> = HashMap::new();
        for account in mentions {
            let name = Name::of(account);
            let known = if accounts.names.len() < 16 {
                accounts.names.iter().position(|known| *known == name)
            } else {
                if by_name.is_empty() {
                    let names = accounts.names.iter().cloned();
                    by_name = names.enumerate().map(|(i, name)| (name, i)).collect();
                }
                by_name.get(&name).copied()
            };
            accounts.index.push(known.unwrap_or(accounts.names.len()));
            if known.is_none() {
                if !by_name.is_empty() {
                    by_name.insert(name.clone(), accounts.names.len());
                }
                accounts.different.push(account);
                accounts.names.push(name);
            }
        }
        accounts
    }

    /// The keys of an operation: when to look for expired holds, the accounts, perhaps a hold,
    /// the live holds.
    pub(crate) fn keys(&self, keys: &Keys, hold: Option<String>) -> Vec<String> {
        let accounts = self.names.iter().map(|name| keys.account(name));
        std::iter::once(keys.next())
            .chain(accounts)
            .chain(hold)
            .chain([keys.live()])
            .collect()
    }
}

// === impl Head ===

impl Head<'_> {
    /// Time, hold lifetime and the accounts' windows.
    fn begin(&self, accounts: &Accounts<'_>) -> Writer {
        let mut writer = Writer::default();
        let dictated_ms = self.clock.dictated_ms();
        let now_ms = dictated_ms.unwrap_or_else(|| self.clock.estimate_ms());
        writer.int(dictated_ms.unwrap_or(0));
        writer.int(i64::try_from(self.hold_lifetime_ms).unwrap_or(i64::MAX));
        writer.index(accounts.different.len());
        for account in &accounts.different {
            if let WindowKind::Sliding(span_ms) = account.window {
                let bucket = sliding::starting_at(span_ms, 0);
                let length_ms = i64::try_from(sliding::bucket_ms(span_ms)).unwrap_or(i64::MAX);
                writer.int(1);
                writer.int(length_ms);
                writer.int(bucket.end_ms.saturating_sub(length_ms));
                writer.int(0);
            } else {
                let windows = self
                    .clock
                    .windows(account.window, &account.time_zone, now_ms);
                writer.int(0);
                writer.time(windows.start_ms);
                writer.time(windows.end_ms);
                writer.time(windows.end_after_ms);
            }
        }
        writer
    }

    /// For `hold.lua`.
    pub(crate) fn hold(
        &self,
        request: &HoldRequest,
        accounts: &Accounts<'_>,
        raise: bool,
    ) -> Vec<u8> {
        let mut writer = self.begin(accounts);
        let want = u128::from(request.output_want);
        let min = u128::from(request.output_min.min(request.output_want));
        writer.flag(raise);
        writer.exact_flag();
        writer.figure(want);
        writer.index(request.charges.len());
        for index in 0..accounts.different.len() {
            let enforced = || {
                let all = request.charges.iter().zip(&accounts.index);
                all.filter(|(charge, at)| **at == index && charge.enforce)
            };
            let sum = |of: fn(&Charge) -> u64| -> u128 {
                enforced().map(|(charge, _)| u128::from(of(charge))).sum()
            };
            let (fixed, per_output) = (sum(|c| c.fixed), sum(|c| c.per_output));
            let need = |output: u128| {
                fixed
                    .saturating_add(per_output.saturating_mul(output))
                    .min(TOO_MUCH)
            };
            writer.figure(fixed.min(TOO_MUCH));
            writer.figure(per_output.min(TOO_MUCH));
            writer.figure(need(min));
            writer.figure(need(want));
        }
        for (charge, index) in request.charges.iter().zip(&accounts.index) {
            let (fixed, per_output) = (u128::from(charge.fixed), u128::from(charge.per_output));
            writer.index(index + 1);
            writer.figure(u128::from(charge.account.limit));
            writer.flag(charge.enforce);
            writer.figure(fixed);
            writer.figure(per_output);
            writer.need_exact(fixed + per_output.saturating_mul(want));
        }
        writer.into_bytes()
    }

    /// For `renew.lua`.
    pub(crate) fn renew(&self, receipt: &HoldReceipt, accounts: &Accounts<'_>) -> Vec<u8> {
        let (body, exact) = body(receipt, accounts);
        let mut writer = self.begin(accounts);
        writer.exact_flag();
        writer.set_exact(exact);
        writer.text(&body);
        writer.into_bytes()
    }

    /// For `settle.lua`.
    pub(crate) fn settle(&self, settlement: &Settlement, accounts: &Accounts<'_>) -> Vec<u8> {
        let Settlement { receipt, charges } = settlement;
        let (body, exact) = body(receipt, accounts);
        let mut writer = self.begin(accounts);
        writer.exact_flag();
        writer.set_exact(exact);
        writer.text(&body);
        for (start_ms, charged) in per_account(receipt, accounts, |index, held| {
            charges.get(index).copied().unwrap_or(held)
        }) {
            writer.time(start_ms);
            writer.figure(charged);
        }
        writer.int(i64::try_from(self.settled_lifetime_ms).unwrap_or(i64::MAX));
        writer.into_bytes()
    }

    /// For `spend.lua`.
    pub(crate) fn spend(&self, spends: &[Spend], accounts: &Accounts<'_>) -> Vec<u8> {
        let mut writer = self.begin(accounts);
        writer.exact_flag();
        writer.index(spends.len());
        let mut sum = 0;
        for (spend, index) in spends.iter().zip(&accounts.index) {
            let amount = u128::from(spend.amount.unsigned_abs());
            writer.index(index + 1);
            writer.figure(u128::from(spend.account.limit));
            writer.figure(amount);
            writer.int(i64::from(spend.amount < 0) + 2 * i64::from(spend.forced));
            sum += amount;
        }
        writer.need_exact(sum);
        writer.into_bytes()
    }

    /// For `account.lua`: 1 looks, 2 grants, 3 resets.
    pub(crate) fn account(&self, accounts: &Accounts<'_>, what: i64, amount: u64) -> Vec<u8> {
        let mut writer = self.begin(accounts);
        writer.exact_flag();
        writer.int(what);
        writer.figure(u128::from(amount));
        writer.into_bytes()
    }

    /// For `list.lua`.
    pub(crate) fn list(&self, cursor: &str, pattern: &str, looked_at: usize) -> Vec<u8> {
        let mut writer = self.begin(&Accounts::of(std::iter::empty()));
        writer.text(cursor.as_bytes());
        writer.text(pattern.as_bytes());
        writer.index(looked_at);
        writer.into_bytes()
    }
}

/// A receipt as the body of a record, as `script/prelude.lua` describes it.
fn body(receipt: &HoldReceipt, accounts: &Accounts<'_>) -> (Vec<u8>, bool) {
    let mut writer = Writer::default();
    writer.figure(u128::from(receipt.output_granted));
    // Ends are told from here.
    writer.int(0);
    writer.index(accounts.different.len());
    let sums = per_account(receipt, accounts, |_, held| held);
    for (name, (start_ms, sum)) in accounts.names.iter().zip(sums) {
        writer.text(name.as_bytes());
        writer.time(start_ms);
        writer.figure(sum);
    }
    for (entry, index) in receipt.entries.iter().zip(&accounts.index) {
        let state = &entry.state;
        writer.index(index + 1);
        for figure in [
            entry.account.limit,
            entry.held,
            state.settled,
            state.held,
            state.granted,
        ] {
            writer.figure(u128::from(figure));
        }
        writer.time(i64::try_from(state.reset_ms).unwrap_or(i64::MAX));
    }
    let exact = writer.is_exact();
    (writer.into_bytes(), exact)
}

/// For each account its window of admission, and the sum of what `of` says of its entries.
fn per_account(
    receipt: &HoldReceipt,
    accounts: &Accounts<'_>,
    of: impl Fn(usize, u64) -> u64,
) -> Vec<(i64, u128)> {
    let mut sums = vec![(0, 0_u128); accounts.different.len()];
    let entries = receipt.entries.iter().zip(&accounts.index).enumerate();
    for (index, (entry, account)) in entries {
        let (start_ms, sum) = &mut sums[*account];
        *start_ms = entry.window_start_ms;
        *sum += u128::from(of(index, entry.held));
    }
    sums
}
