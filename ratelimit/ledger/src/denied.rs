//! Spent accounts, remembered for a moment: a flood of denied calls costs the store nothing.
//!
//! Only what was settled counts here, never holds: those may be gone with the next call.

use std::{hash::BuildHasher, time::Duration};

use parking_lot::Mutex;
use tollgate_budget::{Account, AccountState, Charge, Denial, HoldRequest};
use tollgate_bundle::WindowKind;

/// Sets of accounts; a power of two. With [`WAYS`] each, 8192 spent accounts are remembered.
const SETS: usize = 2_048;
/// Accounts in a set: a further one takes the place of that which would be forgotten first.
const WAYS: usize = 4;

/// A bounded memory of spent accounts.
pub(crate) struct DeniedAccounts {
    recheck_ms: i64,
    hasher: std::hash::RandomState,
    sets: Box<[Mutex<[Option<Spent>; WAYS]>]>,
}

/// What is known of a spent account.
#[derive(Clone, Debug)]
struct Spent {
    account: Account,
    state: AccountState,
    /// What was needed when it was denied.
    needed: u64,
    retry_ms: u64,
    since_ms: i64,
    until_ms: i64,
}

/// When something is free again, and since when that is known.
#[derive(Clone, Copy)]
struct Times {
    retry_ms: u64,
    now_ms: i64,
}

// === impl DeniedAccounts ===

impl DeniedAccounts {
    pub(crate) fn new(recheck: Duration) -> Self {
        Self {
            recheck_ms: i64::try_from(recheck.as_millis()).unwrap_or(i64::MAX),
            hasher: std::hash::RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The denial of a request that needs more than an account has left, as far as is known: of
    /// several the one that frees latest, but the store might name one that is not known here. The
    /// limit is the request's: a raised one is not denied from here.
    pub(crate) fn find(&self, request: &HoldRequest, now_ms: i64) -> Option<Denial> {
        let mut tightest: Option<Denial> = None;
        for (index, charge) in request.charges.iter().enumerate() {
            if !charge.enforce {
                continue;
            }
            let needed = needed(request, charge);
            let Some((state, retry_ms)) = self.find_account(&charge.account, needed, now_ms) else {
                continue;
            };
            let is_tighter = tightest
                .as_ref()
                .is_none_or(|known: &Denial| known.retry_ms < retry_ms);
            if is_tighter {
                tightest = Some(Denial {
                    tightest: index,
                    state,
                    needed,
                    retry_ms,
                });
            }
        }
        tightest
    }

    /// What stands on an account that has less left than is needed, and after how many
    /// milliseconds that may be otherwise.
    pub(crate) fn find_account(
        &self,
        account: &Account,
        needed: u64,
        now_ms: i64,
    ) -> Option<(AccountState, u64)> {
        let spent = self.remembered(account, now_ms)?;
        // When a sliding window has room again depends on how much is needed.
        let is_sliding = matches!(account.window, WindowKind::Sliding(_));
        if !is_beyond(&spent.state, account.limit, needed) || (is_sliding && spent.needed != needed)
        {
            return None;
        }
        let passed = u64::try_from(now_ms.saturating_sub(spent.since_ms)).unwrap_or(0);
        let state = AccountState {
            limit: account.limit,
            reset_ms: spent.state.reset_ms.saturating_sub(passed),
            ..spent.state
        };
        Some((state, spent.retry_ms.saturating_sub(passed)))
    }

    /// Remembers the account of a denial, where what is settled there suffices to deny.
    pub(crate) fn remember_denial(&self, request: &HoldRequest, denial: &Denial, now_ms: i64) {
        let Some(charge) = request.charges.get(denial.tightest) else {
            return;
        };
        let needed = needed(request, charge);
        if charge.enforce && is_beyond(&denial.state, charge.account.limit, needed) {
            let times = Times {
                retry_ms: denial.retry_ms,
                now_ms,
            };
            self.remember(&charge.account, &denial.state, needed, times);
        }
    }

    /// Remembers an account on which a settlement left nothing.
    pub(crate) fn remember_state(&self, account: &Account, state: &AccountState, now_ms: i64) {
        let is_sliding = matches!(account.window, WindowKind::Sliding(_));
        if !is_sliding && is_beyond(state, account.limit, 1) {
            let times = Times {
                retry_ms: state.reset_ms,
                now_ms,
            };
            self.remember(account, state, 1, times);
        }
    }

    /// Asks the store about this account again.
    pub(crate) fn forget(&self, account: &Account) {
        let mut set = self.set(account).lock();
        for way in set.iter_mut() {
            if way.as_ref().is_some_and(|spent| spent.is_of(account)) {
                *way = None;
            }
        }
    }

    fn remember(&self, account: &Account, state: &AccountState, needed: u64, times: Times) {
        let Times { retry_ms, now_ms } = times;
        let mut lives_ms = self.recheck_ms;
        if let WindowKind::Sliding(window_ms) = account.window {
            // Something may be free again with each step of the window.
            lives_ms = lives_ms.min(i64::try_from(window_ms / 20).unwrap_or(i64::MAX));
        }
        let ends_ms = i64::try_from(state.reset_ms.min(retry_ms)).unwrap_or(i64::MAX);
        let until_ms = now_ms.saturating_add(lives_ms.min(ends_ms));
        let spent = Spent {
            account: account.clone(),
            state: state.clone(),
            needed,
            retry_ms,
            since_ms: now_ms,
            until_ms,
        };
        let mut set = self.set(account).lock();
        let place = (0..WAYS).min_by_key(|way| match &set[*way] {
            Some(other) if other.is_of(account) => i64::MIN,
            Some(other) => other.until_ms,
            None => i64::MIN + 1,
        });
        if let Some(place) = place {
            set[place] = Some(spent);
        }
    }

    fn remembered(&self, account: &Account, now_ms: i64) -> Option<Spent> {
        let set = self.set(account).lock();
        let spent = set.iter().flatten().find(|spent| spent.is_of(account))?;
        // A clock that stepped back must not make it live longer.
        (spent.since_ms <= now_ms && now_ms < spent.until_ms).then(|| spent.clone())
    }

    fn set(&self, account: &Account) -> &Mutex<[Option<Spent>; WAYS]> {
        let hash = self
            .hasher
            .hash_one((&account.budget, &account.subject, account.window));
        // Below SETS, which is the length.
        &self.sets[(hash % SETS as u64) as usize]
    }
}

// === impl Spent ===

impl Spent {
    /// The limit is not part of an account's key.
    fn is_of(&self, account: &Account) -> bool {
        let own = &self.account;
        own.subject == account.subject
            && own.budget == account.budget
            && own.window == account.window
            && own.time_zone == account.time_zone
    }
}

/// Whether what is settled leaves less than is needed, whatever is held.
fn is_beyond(state: &AccountState, limit: u64, needed: u64) -> bool {
    let left = limit
        .saturating_add(state.granted)
        .saturating_sub(state.settled);
    left < needed
}

/// The least that a request needs on the account of one of its charges: enforced charges on the
/// same account add up, and nothing left denies even a request that needs nothing.
fn needed(request: &HoldRequest, charge: &Charge) -> u64 {
    let output = request.output_min.min(request.output_want);
    let account = &charge.account;
    let same = |other: &&Charge| {
        other.enforce
            && other.account.subject == account.subject
            && other.account.budget == account.budget
            && other.account.window == account.window
            && other.account.time_zone == account.time_zone
    };
    request
        .charges
        .iter()
        .filter(same)
        .map(|charge| {
            charge
                .fixed
                .saturating_add(charge.per_output.saturating_mul(output))
        })
        .fold(0, u64::saturating_add)
        .max(1)
}
