//! The sums that metrics and drift checks read.

use super::*;

#[test]
fn totals_count_first_settles_only() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let a = account(WindowKind::Day, "a", 100);
    for id in 0..5 {
        let receipt = grant(&store, &ask(id, &a, 10));
        settle(&store, &receipt, 7);
        settle(&store, &receipt, 9);
    }
    assert_eq!(store.settled_total("default/budget"), 35);
    assert_eq!(store.settled_total("default/other"), 0);
    assert_eq!(store.overrun_total(), 0);
}

#[test]
fn overrun_counts_only_what_exceeds_the_limit() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let a = account(WindowKind::Day, "a", 100);
    let receipts: Vec<_> = (0..3).map(|id| grant(&store, &ask(id, &a, 30))).collect();
    settle(&store, &receipts[0], 40);
    assert_eq!(store.overrun_total(), 0);
    settle(&store, &receipts[1], 65);
    assert_eq!(store.overrun_total(), 5);
    settle(&store, &receipts[2], 30);
    assert_eq!(store.overrun_total(), 35);
    assert_eq!(store.settled_total("default/budget"), 135);
}

#[test]
fn charge_of_a_window_that_is_over_counts_in_the_totals() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let a = account(WindowKind::Minute, "a", 100);
    let within = grant(&store, &ask(1, &a, 30));
    let above = grant(&store, &ask(2, &a, 30));
    time.step(60_000);
    settle(&store, &within, 20);
    settle(&store, &above, 33);
    let expected = BudgetTotal {
        budget: Arc::from("default/budget"),
        window: WindowKind::Minute,
        settled: 53,
        overrun: 3,
        given_back: 0,
        late: 53,
    };
    assert_eq!(store.totals(), [expected]);
}

#[test]
fn totals_sorted_by_budget_and_window() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let mut id = 0;
    for window in [WindowKind::Month, WindowKind::Minute] {
        for budget in ["b", "a"] {
            id += 1;
            let mut a = account(window, "a", 100);
            a.budget = Arc::from(budget);
            let receipt = grant(&store, &ask(id, &a, 10));
            settle(&store, &receipt, 10);
        }
    }
    let names: Vec<_> = store
        .totals()
        .into_iter()
        .map(|total| (total.budget.to_string(), total.window))
        .collect();
    let expected = [
        ("a", WindowKind::Minute),
        ("a", WindowKind::Month),
        ("b", WindowKind::Minute),
        ("b", WindowKind::Month),
    ];
    assert_eq!(
        names,
        expected.map(|(name, window)| (name.to_owned(), window))
    );
}

#[test]
fn budgets_beyond_the_bound_are_summed_together() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    for id in 0..5_000_u32 {
        let mut a = account(WindowKind::Day, "a", 100);
        a.budget = Arc::from(format!("default/budget-{id}"));
        let receipt = grant(&store, &ask(id.into(), &a, 10));
        settle(&store, &receipt, 10);
    }
    let totals = store.totals();
    assert!(totals.len() <= 4_097, "{}", totals.len());
    let sum: u64 = totals.iter().map(|total| total.settled).sum();
    assert_eq!(sum, 50_000);
    assert_eq!(store.settled_total("other"), 50_000 - 40_960);
}

#[test]
fn spends_counted_and_what_is_given_back_apart() {
    let time = Time::default();
    let store = time.store(Bounds::default());
    let a = account(WindowKind::Day, "a", 100);
    let spend = |amount, forced| {
        let spend = Spend {
            account: a.clone(),
            amount,
            forced,
        };
        store.spend_now(&[spend]).expect("there is room");
    };
    spend(90, false);
    spend(11, false);
    spend(25, true);
    spend(-20, false);
    spend(10, true);
    store.grant_now(&a, 10).expect("there is room");
    spend(10, true);
    // 115, 95 and 105 of 100; 115 of 110.
    let expected = BudgetTotal {
        budget: Arc::from("default/budget"),
        window: WindowKind::Day,
        settled: 135,
        overrun: 15 + 5 + 5,
        given_back: 20,
        late: 0,
    };
    assert_eq!(store.totals(), [expected]);
}
