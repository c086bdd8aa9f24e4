//! The ledger behind the lock: admission and expiry. Renewal and settlement are in
//! `renew` and `settle`.

use super::{
    Usage,
    accounts::{AccountKey, Accounts, SlotId},
    admission::{self, Claim},
    bounds::Bounds,
    live_holds::{HoldRecord, LiveHolds, RecordEntry},
    settled::SettledIds,
    totals::{BudgetTotal, Totals},
};
use crate::{
    Account, AccountState, Charge, Denial, HoldOutcome, HoldReceipt, HoldRequest, ReceiptEntry,
    StoreError, Window, window::WindowCache,
};

/// Slots and settlements looked at per operation. A call makes at least two operations, so this
/// clears away more than calls with up to eight new accounts each can add.
const SWEEP_STEPS: usize = 4;

/// Slots looked at per operation while fewer than this many more accounts may be added.
const SWEEP_STEPS_FULL: usize = 256;

#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) bounds: Bounds,
    pub(super) now_ms: i64,
    pub(super) windows: WindowCache,
    pub(super) accounts: Accounts,
    pub(super) holds: LiveHolds,
    pub(super) settled: SettledIds,
    pub(super) totals: Totals,
}

/// One charge of a request with the account it falls on.
struct Line<'a> {
    charge: &'a Charge,
    key: AccountKey,
    slot: Option<SlotId>,
    window: Window,
}

// === impl Ledger ===

impl Ledger {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            now_ms: i64::MIN,
            windows: WindowCache::default(),
            accounts: Accounts::default(),
            holds: LiveHolds::default(),
            settled: SettledIds::default(),
            totals: Totals::default(),
        }
    }

    /// Moves the store's time on and clears away what is over. Every expired hold is freed, so
    /// that no decision counts one: each was paid for by the operation that recorded it. The
    /// rest goes in small steps.
    pub(super) fn advance(&mut self, clock_ms: i64) {
        self.now_ms = self.now_ms.max(clock_ms);
        while let Some(record) = self.holds.pop_expired(self.now_ms) {
            self.release(&record);
        }
        let left = self.bounds.accounts_max.saturating_sub(self.accounts.len());
        let steps = if left < SWEEP_STEPS_FULL {
            SWEEP_STEPS_FULL
        } else {
            SWEEP_STEPS
        };
        self.accounts.sweep(steps, self.now_ms);
        let until_ms = self.bounds.forget_until_ms(self.now_ms);
        self.settled.sweep(SWEEP_STEPS, until_ms);
    }

    pub(super) fn hold(&mut self, request: &HoldRequest) -> Result<HoldOutcome, StoreError> {
        let live = self.holds.get(request.id);
        if let Some(record) = live.or_else(|| self.settled.get(request.id)) {
            return Ok(HoldOutcome::Granted(record.to_receipt(request.id)));
        }
        self.admit(request)
    }

    pub(super) fn raise(&mut self, request: &HoldRequest) -> Result<HoldOutcome, StoreError> {
        // The call is over: a hold taken now would only stand there until it expires.
        if let Some(record) = self.settled.get(request.id) {
            return Ok(HoldOutcome::Granted(record.to_receipt(request.id)));
        }
        self.admit(request)
    }

    /// Decides, then puts the hold in the place of a live one with the same id.
    fn admit(&mut self, request: &HoldRequest) -> Result<HoldOutcome, StoreError> {
        let lines = self.lines(&request.charges);
        let mut claims = self.claims(request, &lines);
        let output = match admission::decide(&claims, request.output_want, request.output_min) {
            Ok(output) => output,
            Err(misfit) => {
                let state = claims.swap_remove(misfit.tightest).state;
                return Ok(HoldOutcome::Denied(Denial {
                    tightest: misfit.tightest,
                    retry_ms: state.reset_ms,
                    state,
                    needed: misfit.needed,
                }));
            }
        };
        let live = self.holds.get(request.id).is_some();
        if !live && !lines.is_empty() {
            self.check_room_for_hold()?;
        }
        self.check_room_for_accounts(lines.iter().filter(|line| line.slot.is_none()).count())?;
        if let Some(record) = self.holds.remove(request.id) {
            self.release(&record);
        }
        let record = self.record(&lines, output);
        let receipt = record.to_receipt(request.id);
        // Nothing is held: nothing to settle or to expire.
        if !record.entries.is_empty() {
            let expires_ms = self.bounds.expiry_ms(self.now_ms);
            self.holds.insert(request.id, expires_ms, record);
        }
        Ok(HoldOutcome::Granted(receipt))
    }

    /// Finds the accounts; one whose window is over enters the present one.
    fn lines<'a>(&mut self, charges: &'a [Charge]) -> Vec<Line<'a>> {
        charges
            .iter()
            .map(|charge| {
                let key = AccountKey::from(&charge.account);
                let slot = self.accounts.find(&key);
                let window = self.present_window(slot, &charge.account);
                if let Some(slot) = slot.and_then(|id| self.accounts.slot_mut(id)) {
                    slot.enter(window);
                }
                Line {
                    charge,
                    key,
                    slot,
                    window,
                }
            })
            .collect()
    }

    fn claims(&self, request: &HoldRequest, lines: &[Line<'_>]) -> Vec<Claim> {
        let replaced = self.holds.get(request.id);
        lines
            .iter()
            .map(|line| {
                let same = || lines.iter().filter(|other| other.key == line.key);
                let sum = |of: fn(&Charge) -> u64| same().map(|l| u128::from(of(l.charge))).sum();
                Claim {
                    state: self.state(line.slot, line.window, line.charge.account.limit),
                    own: replaced.and_then(|record| record.held_on(line.slot, line.window)),
                    fixed: sum(|charge| charge.fixed),
                    per_output: sum(|charge| charge.per_output),
                }
            })
            .collect()
    }

    /// Adds an admitted request to its accounts.
    fn record(&mut self, lines: &[Line<'_>], output: u64) -> HoldRecord {
        let held = |charge: &Charge| {
            charge
                .fixed
                .saturating_add(charge.per_output.saturating_mul(output))
        };
        let slots: Vec<SlotId> = lines
            .iter()
            .map(|line| {
                let id = self.accounts.open(&line.key, line.window);
                if let Some(slot) = self.accounts.slot_mut(id) {
                    slot.held = slot.held.saturating_add(held(line.charge));
                    slot.pins += 1;
                }
                id
            })
            .collect();
        let entries = lines.iter().zip(slots).map(|(line, slot)| RecordEntry {
            receipt: ReceiptEntry {
                account: line.charge.account.clone(),
                window_start_ms: line.window.start_ms,
                held: held(line.charge),
                state: self.state(Some(slot), line.window, line.charge.account.limit),
            },
            slot: Some(slot),
        });
        HoldRecord {
            output_granted: output,
            entries: entries.collect(),
        }
    }

    /// What stands on an account now. Changes nothing there.
    pub(super) fn state_of(&mut self, account: &Account) -> AccountState {
        let slot = self.accounts.find(&AccountKey::from(account));
        let window = self.present_window(slot, account);
        self.state(slot, window, account.limit)
    }

    pub(super) fn totals(&self) -> Vec<BudgetTotal> {
        self.totals.sorted()
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            accounts: self.accounts.len(),
            holds: self.holds.len(),
            settled_ids: self.settled.len(),
        }
    }

    /// Takes a hold off its accounts, as far as their window of admission still stands.
    pub(super) fn release(&mut self, record: &HoldRecord) {
        for entry in &record.entries {
            let Some(slot) = entry.slot.and_then(|id| self.accounts.slot_mut(id)) else {
                continue;
            };
            slot.pins = slot.pins.saturating_sub(1);
            if slot.window.start_ms == entry.receipt.window_start_ms {
                slot.held = slot.held.saturating_sub(entry.receipt.held);
            }
        }
    }

    /// The present window of each entry whose window of admission is not over.
    pub(super) fn windows_of_admission(&mut self, receipt: &HoldReceipt) -> Vec<Option<Window>> {
        receipt
            .entries
            .iter()
            .map(|entry| {
                let Account {
                    window, time_zone, ..
                } = &entry.account;
                let present = self.windows.window(*window, time_zone, self.now_ms);
                (present.start_ms == entry.window_start_ms).then_some(present)
            })
            .collect()
    }

    pub(super) fn present_window(&mut self, slot: Option<SlotId>, account: &Account) -> Window {
        match slot.and_then(|id| self.accounts.slot(id)) {
            Some(slot) if slot.window.contains(self.now_ms) => slot.window,
            _ => self
                .windows
                .window(account.window, &account.time_zone, self.now_ms),
        }
    }

    fn state(&self, slot: Option<SlotId>, window: Window, limit: u64) -> AccountState {
        slot.and_then(|id| self.accounts.slot(id))
            .and_then(|slot| slot.state(limit, self.now_ms))
            .unwrap_or(AccountState {
                limit,
                granted: 0,
                settled: 0,
                held: 0,
                reset_ms: window.reset_ms(self.now_ms),
            })
    }

    pub(super) fn check_room_for_hold(&self) -> Result<(), StoreError> {
        let bound = self.bounds.holds_max;
        if self.holds.len() >= bound {
            return Err(StoreError::Full {
                what: "holds",
                bound,
            });
        }
        Ok(())
    }

    /// Whether `new` accounts may be added. A new one that a request names twice counts twice.
    pub(super) fn check_room_for_accounts(&self, new: usize) -> Result<(), StoreError> {
        let bound = self.bounds.accounts_max;
        if new > 0 && self.accounts.len().saturating_add(new) > bound {
            return Err(StoreError::Full {
                what: "accounts",
                bound,
            });
        }
        Ok(())
    }
}

// === impl HoldRecord ===

impl HoldRecord {
    /// What this hold has on a slot in that window; none where it has no part in it.
    fn held_on(&self, slot: Option<SlotId>, window: Window) -> Option<u64> {
        let slot = slot?;
        self.entries
            .iter()
            .filter(|entry| {
                entry.slot == Some(slot) && entry.receipt.window_start_ms == window.start_ms
            })
            .map(|entry| entry.receipt.held)
            .reduce(u64::saturating_add)
    }
}
