//! Decisions without the store: accounts of this replica alone, for the time that it is away.

use parking_lot::Mutex;
use tollgate_budget::{
    AccountState, Charge, Clock, HoldOutcome, HoldReceipt, HoldRequest, MemoryStore, ReceiptEntry,
    Settlement, StoreError, store::memory::Bounds, window::WindowCache,
};
use tollgate_bundle::OnStoreFailure;

use crate::admission::Admission;

/// What this replica serves by itself. A lease counts per account and window, over all outages in
/// that window: so replicas together serve at most the lease times their number.
pub(crate) struct Leases {
    accounts: MemoryStore,
    clock: Clock,
    windows: Mutex<WindowCache>,
}

/// A decision without the store.
pub(crate) enum Local {
    /// A charge asks that nothing is served without the store.
    Closed,
    Decided(HoldOutcome),
}

// === impl Leases ===

impl Leases {
    pub(crate) fn new(clock: Clock, bounds: Bounds) -> Self {
        Self {
            accounts: MemoryStore::new(clock.clone(), bounds),
            clock,
            windows: Mutex::default(),
        }
    }

    pub(crate) fn decide(
        &self,
        request: &HoldRequest,
        admission: Admission,
        error: &StoreError,
    ) -> Local {
        let is_closed =
            |charge: &Charge| charge.enforce && charge.on_failure == OnStoreFailure::Closed;
        if request.charges.iter().any(is_closed) {
            return Local::Closed;
        }
        let leased = HoldRequest {
            charges: request.charges.iter().map(leased).collect(),
            ..*request
        };
        let decided = match admission {
            Admission::Hold => self.accounts.hold_now(&leased),
            Admission::Raise => self.accounts.raise_now(&leased),
        };
        match decided {
            Ok(HoldOutcome::Granted(receipt)) => {
                Local::Decided(HoldOutcome::Granted(restored(receipt, request)))
            }
            Ok(denied) => Local::Decided(denied),
            // This replica's own memory is full: a lease that cannot be counted is not given.
            Err(full) if is_leased(request) => {
                tracing::debug!(%full, %error, "no lease");
                Local::Closed
            }
            Err(_) => Local::Decided(HoldOutcome::Granted(self.uncounted(request))),
        }
    }

    /// Keeps the leases of a hold alive.
    pub(crate) fn renew(&self, receipt: &HoldReceipt) {
        if let Err(error) = self.accounts.renew_now(receipt) {
            tracing::debug!(%error, hold = %receipt.id, "a lease was not renewed");
        }
    }

    /// Charges what a call used to the leases it was served from.
    pub(crate) fn settle(&self, settlement: &Settlement) {
        if let Err(error) = self.accounts.settle_now(settlement) {
            tracing::debug!(%error, hold = %settlement.receipt.id, "a lease was not settled");
        }
    }

    /// Frees a hold that may stand at the store.
    pub(crate) fn release_of(&self, request: &HoldRequest) -> Settlement {
        let receipt = self.uncounted(request);
        Settlement {
            charges: vec![0; receipt.entries.len()],
            receipt,
        }
    }

    /// A receipt that nothing stands behind.
    fn uncounted(&self, request: &HoldRequest) -> HoldReceipt {
        let now_ms = self.clock.now_ms();
        let mut windows = self.windows.lock();
        let entries = request.charges.iter().map(|charge| {
            let account = &charge.account;
            let window = windows.window(account.window, &account.time_zone, now_ms);
            let held = held(charge, request.output_want);
            ReceiptEntry {
                account: account.clone(),
                window_start_ms: window.start_ms,
                held,
                state: AccountState {
                    limit: account.limit,
                    granted: 0,
                    settled: 0,
                    held,
                    reset_ms: window.reset_ms(now_ms),
                },
            }
        });
        HoldReceipt {
            id: request.id,
            output_granted: request.output_want,
            entries: entries.collect(),
            recorded: false,
        }
    }
}

/// Whether a lease decides of this request.
pub(crate) fn is_leased(request: &HoldRequest) -> bool {
    request
        .charges
        .iter()
        .any(|charge| charge.enforce && matches!(charge.on_failure, OnStoreFailure::Leased(_)))
}

/// A charge as this replica's own accounts see it: only leases refuse there, and never more than
/// the limit is leased.
fn leased(charge: &Charge) -> Charge {
    let mut leased = charge.clone();
    match (charge.enforce, charge.on_failure) {
        (true, OnStoreFailure::Leased(units)) => {
            leased.account.limit = units.min(charge.account.limit);
        }
        _ => leased.enforce = false,
    }
    leased
}

/// The receipt as the caller knows its accounts; their states are what this replica knows.
fn restored(mut receipt: HoldReceipt, request: &HoldRequest) -> HoldReceipt {
    receipt.recorded = false;
    for (entry, charge) in receipt.entries.iter_mut().zip(&request.charges) {
        entry.account = charge.account.clone();
    }
    receipt
}

fn held(charge: &Charge, output: u64) -> u64 {
    charge
        .fixed
        .saturating_add(charge.per_output.saturating_mul(output))
}
