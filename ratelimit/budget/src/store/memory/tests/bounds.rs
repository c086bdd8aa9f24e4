//! What the store keeps, what it drops, and what it does when it is full.

use super::*;

fn small() -> Bounds {
    Bounds {
        accounts_max: 3,
        holds_max: 2,
        settled_ids_max: 2,
        hold_lifetime_ms: 30_000,
    }
}

#[test]
fn account_beyond_the_bound_is_an_error_and_records_nothing() {
    let time = Time::default();
    let store = time.store(small());
    for (id, subject) in ["a", "b", "c"].iter().enumerate() {
        let receipt = grant(
            &store,
            &ask(id as u128, &account(WindowKind::Day, subject, 10), 5),
        );
        settle(&store, &receipt, 5);
    }
    let d = account(WindowKind::Day, "d", 10);
    let full = store
        .hold_now(&ask(9, &d, 1))
        .expect_err("the store is full");
    assert_eq!(full.to_string(), "the budget store is full: 3 accounts");
    assert_eq!(store.usage().holds, 0);
    // What is known goes on being served, and what does not fit is denied all the same.
    grant(&store, &ask(10, &account(WindowKind::Day, "a", 10), 5));
    let denied = store.hold_now(&ask(11, &d, 11)).expect("denied, not full");
    assert!(matches!(denied, HoldOutcome::Denied(_)));
}

#[test]
fn accounts_of_windows_that_are_over_make_room() {
    let time = Time::default();
    let store = time.store(small());
    for (id, subject) in ["a", "b", "c"].iter().enumerate() {
        let receipt = grant(
            &store,
            &ask(id as u128, &account(WindowKind::Minute, subject, 10), 5),
        );
        settle(&store, &receipt, 5);
    }
    time.step(60_000);
    grant(&store, &ask(9, &account(WindowKind::Minute, "d", 10), 5));
    assert_eq!(store.usage().accounts, 1);
}

#[test]
fn account_that_a_live_hold_refers_to_stays_after_its_window() {
    let time = Time::default();
    let store = time.store(small());
    time.step(59_000);
    let minute = account(WindowKind::Minute, "a", 10);
    let receipt = grant(&store, &ask(1, &minute, 5));
    time.step(2_000);
    assert_eq!(store.usage().accounts, 1);
    // The slot of `a` must not be taken over by `b` while the hold can still free something.
    let b = grant(&store, &ask(2, &account(WindowKind::Minute, "b", 10), 7));
    settle(&store, &receipt, 5);
    assert_eq!(store.states_now(&[b.entries[0].account.clone()])[0].held, 7);
    store.usage();
    assert_eq!(store.usage().accounts, 1);
}

#[test]
fn denied_requests_of_unknown_subjects_leave_no_account() {
    let time = Time::default();
    let store = time.store(small());
    for id in 0..100 {
        let nobody = account(WindowKind::Day, &format!("user:{id}"), 10);
        assert!(matches!(
            store.hold_now(&ask(id, &nobody, 11)),
            Ok(HoldOutcome::Denied(_))
        ));
    }
    assert_eq!(store.usage().accounts, 0);
}

#[test]
fn settle_and_renew_without_room_for_the_account_change_nothing() {
    let time = Time::default();
    let store = time.store(small());
    let late = grant(&store, &ask(1, &account(WindowKind::Day, "late", 10), 5));
    time.step(30_000);
    for (id, subject) in ["a", "b", "c"].iter().enumerate() {
        let day = account(WindowKind::Day, subject, 10);
        let receipt = grant(&store, &ask(10 + id as u128, &day, 5));
        settle(&store, &receipt, 5);
    }
    let settlement = |tokens| Settlement {
        receipt: late.clone(),
        charges: vec![tokens],
    };
    for _ in 0..2 {
        let full = store.settle_now(&settlement(4)).expect_err("no room");
        assert_eq!(full.to_string(), "the budget store is full: 3 accounts");
        assert!(store.renew_now(&late).is_err());
    }
    assert_eq!(store.settled_total("default/budget"), 15);
    assert_eq!((store.usage().accounts, store.usage().holds), (3, 0));
    // What charges nothing needs no room.
    let states = store.settle_now(&settlement(0)).expect("needs no room");
    assert_eq!(states[0].settled, 0);
    assert_eq!(store.usage().accounts, 3);
}

#[test]
fn hold_beyond_the_bound_is_an_error_until_one_expires() {
    let time = Time::default();
    let store = time.store(small());
    let a = account(WindowKind::Day, "a", 100);
    let first = grant(&store, &ask(1, &a, 1));
    grant(&store, &ask(2, &a, 1));
    let full = store
        .hold_now(&ask(3, &a, 1))
        .expect_err("the store is full");
    assert_eq!(full.to_string(), "the budget store is full: 2 holds");
    // A hold that is there may be raised and asked for again.
    assert!(matches!(
        store.raise_now(&ask(2, &a, 2)),
        Ok(HoldOutcome::Granted(_))
    ));
    assert_eq!(grant(&store, &ask(1, &a, 1)), first);
    time.step(30_000);
    grant(&store, &ask(3, &a, 1));
    grant(&store, &ask(4, &a, 1));
    assert!(
        store.renew_now(&first).is_err(),
        "no room to record it again"
    );
    assert_eq!(store.usage().holds, 2);
}

#[test]
fn settlements_beyond_the_bound_forget_the_oldest() {
    let time = Time::default();
    let store = time.store(small());
    let a = account(WindowKind::Day, "a", 100);
    let receipts: Vec<_> = (0..3)
        .map(|id| {
            let receipt = grant(&store, &ask(id, &a, 10));
            settle(&store, &receipt, 10);
            receipt
        })
        .collect();
    assert_eq!(store.usage().settled_ids, 2);
    assert_eq!(settle(&store, &receipts[2], 10).settled, 30);
    assert_eq!(settle(&store, &receipts[1], 10).settled, 30);
    // As documented: a repetition beyond the bound is charged again.
    assert_eq!(settle(&store, &receipts[0], 10).settled, 40);
}

#[test]
fn settlements_kept_for_two_lifetimes_then_forgotten() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let a = account(WindowKind::Day, "a", 100);
    let receipt = grant(&store, &ask(1, &a, 10));
    settle(&store, &receipt, 10);
    time.step(59_999);
    assert_eq!(store.usage().settled_ids, 1);
    assert_eq!(settle(&store, &receipt, 10).settled, 10);
    time.step(1);
    assert_eq!(store.usage().settled_ids, 0);
}

#[test]
fn clock_that_steps_back_opens_no_window_twice() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let minute = account(WindowKind::Minute, "a", 10);
    let receipt = grant(&store, &ask(1, &minute, 10));
    settle(&store, &receipt, 10);
    time.step(-90_000);
    let denied = store
        .hold_now(&ask(2, &minute, 1))
        .expect("the store answers");
    let HoldOutcome::Denied(denial) = denied else {
        panic!("denied expected: {denied:?}");
    };
    assert_eq!(denial.state.reset_ms, 60_000);
    time.step(90_000 + 60_000);
    grant(&store, &ask(3, &minute, 10));
}

#[test]
fn account_with_unknown_zone_is_kept_under_utc() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let mut nowhere = account(WindowKind::Day, "a", 10);
    nowhere.time_zone = Arc::from("Nowhere/Atlantis");
    let receipt = grant(&store, &ask(1, &nowhere, 10));
    // 12:00 UTC.
    assert_eq!(receipt.entries[0].state.reset_ms, 12 * 3_600_000);
    assert!(matches!(
        store.hold_now(&ask(2, &nowhere, 1)),
        Ok(HoldOutcome::Denied(_))
    ));
}

#[test]
fn accounts_of_different_zones_are_apart() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let utc = account(WindowKind::Day, "a", 10);
    let mut kathmandu = utc.clone();
    kathmandu.time_zone = Arc::from("Asia/Kathmandu");
    grant(&store, &ask(1, &utc, 10));
    let other = grant(&store, &ask(2, &kathmandu, 10));
    // 17:45 there.
    assert_eq!(other.entries[0].state.reset_ms, (6 * 60 + 15) * 60_000);
}

#[test]
fn a_hundred_thousand_forgotten_holds_are_freed_at_once() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let a = account(WindowKind::Day, "a", 100_000);
    for id in 0..100_000 {
        grant(&store, &ask(id, &a, 1));
    }
    assert!(matches!(
        store.hold_now(&ask(100_001, &a, 1)),
        Ok(HoldOutcome::Denied(_))
    ));
    time.step(30_000);
    assert_eq!(store.states_now(&[a])[0].held, 0);
    assert_eq!(store.usage().holds, 0);
}

fn spend(account: &Account, amount: i64, forced: bool) -> Spend {
    Spend {
        account: account.clone(),
        amount,
        forced,
    }
}

#[test]
fn spend_and_grant_without_room_for_the_account_change_nothing() {
    let time = Time::default();
    let store = time.store(small());
    let known = account(WindowKind::Day, "known", 10);
    let [b, c, d] = ["b", "c", "d"].map(|subject| account(WindowKind::Day, subject, 10));
    let full = [&known, &b, &c].map(|account| spend(account, 1, false));
    assert!(store.spend_now(&full).expect("there is room").admitted);
    for forced in [true, false] {
        let full = store
            .spend_now(&[spend(&known, 5, true), spend(&d, 1, forced)])
            .expect_err("the store is full");
        assert_eq!(full.to_string(), "the budget store is full: 3 accounts");
    }
    assert!(store.grant_now(&d, 1).is_err());
    assert_eq!(store.states_now(std::slice::from_ref(&known))[0].settled, 1);
    // What charges nothing needs no room: refused, asked, given back, granted 0.
    for (amount, admitted) in [(11, false), (0, true), (-5, true)] {
        let outcome = store.spend_now(&[spend(&d, amount, false)]);
        assert_eq!(outcome.expect("needs no room").admitted, admitted);
    }
    assert!(store.grant_now(&d, 0).is_ok());
    assert_eq!(store.reset_now(&d).settled, 0);
    assert_eq!(store.usage().accounts, 3);
    assert!(store.grant_now(&known, 1).is_ok());
}

#[test]
fn sliding_account_leaves_when_nothing_counts_on_it() {
    let time = Time::default();
    let store = time.store(small());
    let a = account(WindowKind::Sliding(80_000), "a", 1_000_000);
    // Longer than any number of buckets is kept.
    for id in 0..400 {
        let receipt = grant(&store, &ask(id, &a, 10));
        settle(&store, &receipt, 10);
        time.step(1_000);
    }
    // 12:00 plus 400 s starts a bucket: 20 and the present one count, 4 calls each.
    assert_eq!(
        store.states_now(std::slice::from_ref(&a))[0].settled,
        20 * 4 * 10
    );
    time.step(79_999);
    assert_eq!(store.usage().accounts, 1);
    time.step(1);
    assert_eq!(store.usage().accounts, 0);
}

#[test]
fn granted_account_stays_until_its_window_is_over() {
    let time = Time::default();
    let store = time.store(small());
    let a = account(WindowKind::Minute, "a", 10);
    store.grant_now(&a, 5).expect("there is room");
    time.step(59_999);
    assert_eq!(store.usage().accounts, 1);
    assert_eq!(store.states_now(&[a])[0].granted, 5);
    time.step(1);
    assert_eq!(store.usage().accounts, 0);
}

#[test]
fn page_looks_at_a_bounded_number_of_accounts_of_others() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    for n in 0..10_000 {
        let a = account(WindowKind::Month, &n.to_string(), 10);
        store
            .spend_now(&[spend(&a, 1, false)])
            .expect("there is room");
    }
    let mut last = account(WindowKind::Month, "last", 10);
    last.budget = Arc::from("default/last");
    store
        .spend_now(&[spend(&last, 1, false)])
        .expect("there is room");
    let mut request = PageRequest {
        budget: "default/last".to_owned(),
        after: None,
        size: 10,
    };
    let mut pages = vec![];
    loop {
        let page = store.list_now(&request);
        pages.push(page.entries.len());
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [0, 0, 1]);
    request.budget = "default/budget".to_owned();
    request.size = usize::MAX;
    assert_eq!(store.list_now(&request).entries.len(), 1_000);
    request.after = Some(usize::MAX.to_string());
    assert_eq!(store.list_now(&request), Page::default());
}
