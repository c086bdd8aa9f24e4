//! Accounts that refused of late, remembered for a moment: a flood of requests that are refused
//! anyway costs the store nothing.
//!
//! Fed by refusals, emptied by charges and refunds; bounded. What another replica gives back is seen after
//! [`RECHECK_MS`] at the latest.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;
use tollgate_budget::{Account, AccountState, Spend, SpendOutcome};
use tollgate_bundle::WindowKind;

/// The store is asked again after this long.
const RECHECK_MS: i64 = 1_000;
/// Sets of accounts; with [`WAYS`] each, 8192 are remembered.
const SETS: usize = 2_048;
/// Accounts in a set: a further one takes the place of that which would be forgotten first.
const WAYS: usize = 4;

/// A bounded memory of accounts with too little left.
pub(crate) struct Refused {
    hasher: RandomState,
    sets: Box<[Mutex<[Option<Known>; WAYS]>]>,
}

#[derive(Clone)]
struct Known {
    account: Account,
    state: AccountState,
    since_ms: i64,
    until_ms: i64,
}

// === impl Refused ===

impl Default for Refused {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Refused {
    /// What is known of the account of a charge that cannot fit, as far as is known.
    pub(crate) fn find(&self, spend: &Spend, now_ms: i64) -> Option<AccountState> {
        let needed = u64::try_from(spend.amount).ok()?.max(1);
        let account = &spend.account;
        let set = self.set(account).lock();
        let known = set.iter().flatten().find(|known| known.is_of(account))?;
        // A clock that stepped back must not make it live longer.
        if now_ms < known.since_ms || known.until_ms <= now_ms {
            return None;
        }
        // The limit is the present one: a raised one is not refused from here.
        let left = account
            .limit
            .saturating_add(known.state.granted)
            .saturating_sub(known.state.settled);
        let passed = u64::try_from(now_ms - known.since_ms).unwrap_or(0);
        (left < needed).then(|| AccountState {
            limit: account.limit,
            reset_ms: known.state.reset_ms.saturating_sub(passed),
            ..known.state
        })
    }

    /// Learns from an outcome: which accounts refused. What was known of the others is old.
    pub(crate) fn learn(&self, spends: &[Spend], outcome: &SpendOutcome, now_ms: i64) {
        for (spend, account) in spends.iter().zip(&outcome.accounts) {
            if account.fits || spend.forced {
                self.forget(&spend.account);
            } else {
                self.remember(&spend.account, &account.state, now_ms);
            }
        }
    }

    fn remember(&self, account: &Account, state: &AccountState, now_ms: i64) {
        let mut lives_ms =
            i64::try_from(state.reset_ms).map_or(RECHECK_MS, |ms| ms.min(RECHECK_MS));
        if let WindowKind::Sliding(window_ms) = account.window {
            // Something may be free again with each step of the window.
            lives_ms = lives_ms.min(i64::try_from(window_ms / 20).unwrap_or(RECHECK_MS));
        }
        let known = Known {
            account: account.clone(),
            state: state.clone(),
            since_ms: now_ms,
            until_ms: now_ms.saturating_add(lives_ms),
        };
        let mut set = self.set(account).lock();
        let place = set.iter_mut().min_by_key(|way| match way {
            Some(other) if other.is_of(account) => i64::MIN,
            Some(other) => other.until_ms,
            None => i64::MIN + 1,
        });
        if let Some(place) = place {
            *place = Some(known);
        }
    }

    fn forget(&self, account: &Account) {
        let mut set = self.set(account).lock();
        for way in set.iter_mut() {
            way.take_if(|known| known.is_of(account));
        }
    }

    fn set(&self, account: &Account) -> &Mutex<[Option<Known>; WAYS]> {
        let key = (&account.budget, &account.subject, account.window);
        let hash = self.hasher.hash_one(key);
        // Below SETS, which is the length.
        &self.sets[(hash % SETS as u64) as usize]
    }
}

// === impl Known ===

impl Known {
    /// The limit is not part of an account's key.
    fn is_of(&self, account: &Account) -> bool {
        let same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
        let own = &self.account;
        same(&own.budget, &account.budget)
            && same(&own.subject, &account.subject)
            && own.window == account.window
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tollgate_budget::{Account, AccountState, Spend, SpendOutcome, SpendState};
    use tollgate_bundle::WindowKind;

    use super::{RECHECK_MS, Refused, SETS, WAYS};

    fn spend(subject: &str, amount: i64) -> Spend {
        Spend {
            account: Account {
                budget: Arc::from("limit"),
                subject: Arc::from(subject),
                window: WindowKind::Minute,
                time_zone: Arc::from("UTC"),
                limit: 10,
            },
            amount,
            forced: false,
        }
    }

    fn outcome(fits: bool, settled: u64, reset_ms: u64) -> SpendOutcome {
        let state = AccountState {
            limit: 10,
            granted: 0,
            settled,
            held: 0,
            reset_ms,
        };
        SpendOutcome {
            admitted: fits,
            accounts: vec![SpendState { fits, state }],
        }
    }

    #[test]
    fn what_is_left_is_known_until_the_recheck_and_no_longer() {
        let refused = Refused::default();
        refused.learn(&[spend("alice", 5)], &outcome(false, 8, 30_000), 0);
        let reset = |amount, now_ms| {
            let state = refused.find(&spend("alice", amount), now_ms)?;
            Some(state.reset_ms)
        };
        assert_eq!(reset(5, 0), Some(30_000));
        assert_eq!(reset(3, RECHECK_MS - 1), Some(29_001));
        // What may fit is asked for.
        assert_eq!(reset(2, 0), None);
        assert_eq!(reset(0, 0), None);
        assert_eq!(reset(5, RECHECK_MS), None);
        assert_eq!(reset(5, -1), None);
        assert_eq!(reset(-5, 0), None);
    }

    #[test]
    fn an_account_with_nothing_left_refuses_checks_until_its_window_ends() {
        let refused = Refused::default();
        refused.learn(&[spend("alice", 1)], &outcome(false, 10, 400), 0);
        assert!(refused.find(&spend("alice", 0), 399).is_some());
        assert!(refused.find(&spend("alice", 0), 400).is_none());
        assert!(refused.find(&spend("bob", 0), 0).is_none());
    }

    #[test]
    fn a_raised_limit_and_a_refund_are_asked_for_anew() {
        let refused = Refused::default();
        refused.learn(&[spend("alice", 1)], &outcome(false, 10, 9_000), 0);
        let mut raised = spend("alice", 1);
        raised.account.limit = 11;
        assert!(refused.find(&raised, 0).is_none());
        assert!(refused.find(&spend("alice", 1), 0).is_some());
        refused.learn(&[spend("alice", -1)], &outcome(true, 9, 9_000), 0);
        assert!(refused.find(&spend("alice", 1), 0).is_none());
    }

    #[test]
    fn what_was_served_or_forced_is_not_remembered() {
        let refused = Refused::default();
        refused.learn(&[spend("alice", 1)], &outcome(true, 10, 9_000), 0);
        let forced = Spend {
            forced: true,
            ..spend("bob", 1)
        };
        refused.learn(&[forced], &outcome(false, 99, 9_000), 0);
        assert!(refused.find(&spend("alice", 1), 0).is_none());
        assert!(refused.find(&spend("bob", 1), 0).is_none());
    }

    #[test]
    fn it_never_remembers_more_than_its_bound() {
        let refused = Refused::default();
        let count = 4 * SETS * WAYS;
        for index in 0..count {
            let one = [spend(&index.to_string(), 1)];
            refused.learn(&one, &outcome(false, 10, 9_000), 0);
        }
        let known = (0..count).filter(|index| {
            let one = spend(&index.to_string(), 1);
            refused.find(&one, 0).is_some()
        });
        let known = known.count();
        assert!(known <= SETS * WAYS, "{known}");
        assert!(known > SETS, "{known}");
    }
}
