//! The ledger behind the lock: admission and expiry. The other operations have files of their
//! own beside this one.

use tollgate_bundle::WindowKind;

use super::{
    Usage,
    accounts::{Accounts, SlotId},
    admission::{self, Claim},
    bounds::Bounds,
    live_holds::{HoldRecord, LiveHolds, RecordEntry},
    settled::SettledIds,
    slot::{AccountKey, Slot},
    totals::{BudgetTotal, Totals},
};
use crate::{
    Account, AccountState, Charge, HoldOutcome, HoldRequest, ReceiptEntry, StoreError, Window,
    window::WindowCache,
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

/// One account that an operation names, and where it stands.
pub(super) struct Line<'a> {
    pub(super) account: &'a Account,
    pub(super) key: AccountKey,
    pub(super) slot: Option<SlotId>,
    /// The present window or bucket.
    pub(super) window: Window,
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
        let lines: Vec<Line<'_>> = (request.charges.iter())
            .map(|charge| self.line(&charge.account))
            .collect();
        let claims = self.claims(request, &lines);
        let output = match admission::decide(&claims, request.output_want, request.output_min) {
            Ok(output) => output,
            Err(denial) => return Ok(HoldOutcome::Denied(denial)),
        };
        let live = self.holds.get(request.id).is_some();
        if !live && !lines.is_empty() {
            self.check_room_for_hold()?;
        }
        self.check_room_for_accounts(lines.iter().filter(|line| line.slot.is_none()).count())?;
        if let Some(record) = self.holds.remove(request.id) {
            self.release(&record);
        }
        let record = self.record(&request.charges, &lines, output);
        let receipt = record.to_receipt(request.id);
        // Nothing is held: nothing to settle or to expire.
        if !record.entries.is_empty() {
            let expires_ms = self.bounds.expiry_ms(self.now_ms);
            self.holds.insert(request.id, expires_ms, record);
        }
        Ok(HoldOutcome::Granted(receipt))
    }

    /// Finds an account; one whose window is over enters the present one.
    pub(super) fn line<'a>(&mut self, account: &'a Account) -> Line<'a> {
        let key = AccountKey::from(account);
        let slot = self.accounts.find(&key);
        let window = self.present_window(slot, account);
        if let Some(slot) = slot.and_then(|id| self.accounts.slot_mut(id)) {
            slot.enter(window);
        }
        Line {
            account,
            key,
            slot,
            window,
        }
    }

    /// What the request asks of the accounts that may refuse.
    fn claims(&self, request: &HoldRequest, lines: &[Line<'_>]) -> Vec<Claim<'_>> {
        let replaced = self.holds.get(request.id);
        let charged = || request.charges.iter().zip(lines);
        let enforced = charged().enumerate().filter(|(_, (c, _))| c.enforce);
        enforced
            .map(|(index, (_, line))| {
                let sum = |of: fn(&Charge) -> u64| {
                    let same = charged().filter(|(c, other)| c.enforce && other.key == line.key);
                    same.map(|(charge, _)| u128::from(of(charge))).sum()
                };
                let slot = line.slot.and_then(|id| self.accounts.slot(id));
                Claim {
                    index,
                    state: self.state(line),
                    slot,
                    window: line.window,
                    now_ms: self.now_ms,
                    own: replaced
                        .zip(line.slot.zip(slot))
                        .and_then(|(record, (id, slot))| record.held_on(id, slot)),
                    fixed: sum(|charge| charge.fixed),
                    per_output: sum(|charge| charge.per_output),
                }
            })
            .collect()
    }

    /// Adds an admitted request to its accounts.
    fn record(&mut self, charges: &[Charge], lines: &[Line<'_>], output: u64) -> HoldRecord {
        let held = |charge: &Charge| {
            charge
                .fixed
                .saturating_add(charge.per_output.saturating_mul(output))
        };
        let slots: Vec<SlotId> = (charges.iter().zip(lines))
            .map(|(charge, line)| {
                let id = self.accounts.open(&line.key, line.window);
                if let Some(slot) = self.accounts.slot_mut(id) {
                    slot.hold(held(charge));
                }
                id
            })
            .collect();
        // Only now: an account that is named twice shows both holds in both entries.
        let entries = charges.iter().zip(lines).zip(slots);
        let entries = entries.map(|((charge, line), slot)| RecordEntry {
            receipt: ReceiptEntry {
                account: charge.account.clone(),
                window_start_ms: line.window.start_ms,
                held: held(charge),
                state: self.state_at(Some(slot), &charge.account, line.window),
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
        self.state_at(slot, account, window)
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

    /// Takes a hold off its accounts, as far as it counts there still.
    pub(super) fn release(&mut self, record: &HoldRecord) {
        for entry in &record.entries {
            if let Some(slot) = entry.slot.and_then(|id| self.accounts.slot_mut(id)) {
                slot.release(entry.receipt.held, entry.receipt.window_start_ms);
            }
        }
    }

    fn present_window(&mut self, slot: Option<SlotId>, account: &Account) -> Window {
        slot.and_then(|id| self.accounts.slot(id))
            .and_then(|slot| slot.calendar_window(self.now_ms))
            .unwrap_or_else(|| {
                let Account {
                    window, time_zone, ..
                } = account;
                self.windows.window(*window, time_zone, self.now_ms)
            })
    }

    /// What stands on an account, as the line found it.
    pub(super) fn state(&self, line: &Line<'_>) -> AccountState {
        self.state_at(line.slot, line.account, line.window)
    }

    fn state_at(&self, slot: Option<SlotId>, account: &Account, window: Window) -> AccountState {
        let known = slot
            .and_then(|id| self.accounts.slot(id))
            .and_then(|slot| slot.state(account.limit, self.now_ms));
        known.unwrap_or_else(|| AccountState {
            limit: account.limit,
            granted: 0,
            settled: 0,
            held: 0,
            reset_ms: match account.window {
                WindowKind::Sliding(_) => 0,
                _ => window.reset_ms(self.now_ms),
            },
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
    /// What this hold has on a slot that counts there now; none where it has no part in it.
    fn held_on(&self, id: SlotId, slot: &Slot) -> Option<u64> {
        let counts = |entry: &&RecordEntry| {
            entry.slot == Some(id) && slot.holds_from(entry.receipt.window_start_ms)
        };
        let held = self.entries.iter().filter(counts).map(|e| e.receipt.held);
        held.reduce(u64::saturating_add)
    }
}
