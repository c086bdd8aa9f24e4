//! Many threads at one store.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize},
    thread,
};

use super::*;

#[test]
fn threads_at_once_are_admitted_up_to_the_limit() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let alice = account(WindowKind::Day, "alice", 1_000);
    let granted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..16_u128 {
            let (store, alice, granted) = (&store, &alice, &granted);
            scope.spawn(move || {
                for n in 0..500 {
                    let request = ask(thread << 64 | n, alice, 100);
                    if let Ok(HoldOutcome::Granted(_)) = store.hold_now(&request) {
                        granted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(granted.into_inner(), 10);
    assert_eq!(store.states_now(&[alice])[0].held, 1_000);
}

#[test]
fn threads_that_settle_twice_leave_no_drift_and_no_overrun() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let key = account(WindowKind::Day, "key", 60_000);
    let team = account(WindowKind::Day, "team", 50_000);
    let tally = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..16_u128 {
            let (store, key, team, tally) = (&store, &key, &team, &tally);
            scope.spawn(move || {
                for n in 0..300 {
                    let mut request = ask(thread << 64 | n, key, 50);
                    request.charges.extend(ask(0, team, 50).charges);
                    let Ok(HoldOutcome::Granted(receipt)) = store.hold_now(&request) else {
                        continue;
                    };
                    let used = u64::try_from(n).expect("small") % 51;
                    tally.fetch_add(used, Ordering::Relaxed);
                    let settlement = Settlement {
                        receipt,
                        charges: vec![used, used],
                    };
                    for _ in 0..2 {
                        let states = store.settle_now(&settlement).expect("there is room");
                        assert!(states.iter().all(|s| s.settled + s.held <= s.limit));
                    }
                }
            });
        }
    });
    let tally = tally.into_inner();
    for state in store.states_now(&[key, team]) {
        assert_eq!((state.settled, state.held), (tally, 0));
    }
    assert_eq!(store.settled_total("default/budget"), 2 * tally);
    assert_eq!(store.overrun_total(), 0);
    assert!(tally > 40_000, "the limit was reached: {tally}");
}

#[test]
fn threads_that_hold_and_spend_in_a_sliding_window_stay_within_the_limit() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let alice = account(WindowKind::Sliding(80_000), "alice", 20_000);
    let spent = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..8_u128 {
            let (store, alice, spent, time) = (&store, &alice, &spent, &time);
            scope.spawn(move || {
                for n in 0..500 {
                    // All in all 40 s: nothing is old enough to count no more.
                    time.step(10);
                    let spend = Spend {
                        account: alice.clone(),
                        amount: 7,
                        forced: false,
                    };
                    let outcome = store.spend_now(&[spend]).expect("there is room");
                    let tokens = if outcome.admitted { 7 } else { 0 };
                    spent.fetch_add(tokens, Ordering::Relaxed);
                    if let Ok(HoldOutcome::Granted(receipt)) =
                        store.hold_now(&ask(thread << 64 | n, alice, 11))
                    {
                        let state = settle(store, &receipt, 5);
                        assert!(state.settled + state.held <= state.limit);
                        spent.fetch_add(5, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let spent = spent.into_inner();
    let state = &store.states_now(&[alice])[0];
    assert_eq!((state.settled, state.held), (spent, 0));
    assert!((19_980..=20_000).contains(&spent), "{spent}");
    assert_eq!(store.overrun_total(), 0);
}
