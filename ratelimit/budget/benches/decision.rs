//! What a decision of the memory store costs: `cargo bench -p tollgate-budget`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and stops where it measures nothing"
)]

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Instant,
};

use tollgate_budget::{
    Account, Bounds, Charge, Clock, HoldId, HoldOutcome, HoldReceipt, HoldRequest, MemoryStore,
    Settlement, Spend, window::WindowCache,
};
use tollgate_bundle::{OnStoreFailure, WindowKind};

const CALLS: u64 = 500_000;
const USERS: u64 = 10_000;

/// What a decision may cost at the median.
const DECISION_US_MAX: f64 = 10.0;

fn main() {
    // First, while no freed memory is there to be used again.
    // Both at once: the second finds no memory of the first to use again.
    let full = [
        memory_at_all_bounds("memory with every bound reached", request),
        memory_at_all_bounds("the same with sliding windows", sliding_request),
    ];
    drop(full);
    let store = MemoryStore::new(Clock::system(), Bounds::default());
    measure("hold + settle, 2 accounts, 10 000 users", CALLS, |n| {
        call(
            &store,
            u128::from(n),
            &format!("user:{}", n % USERS),
            1 << 40,
        );
    });
    decisions("a decision (hold + settle), 2 calendar accounts", |n| {
        call(&store, u128::from(n) << 64, &user(n), 1 << 40);
    });
    let mut sliding = MemoryStore::new(Clock::system(), Bounds::default());
    decisions("a decision, 2 sliding accounts", |n| {
        call_on(&sliding, sliding_request(u128::from(n), &user(n), 1 << 40));
    });
    sliding = MemoryStore::new(bucket_a_call(), Bounds::default());
    decisions("a decision, 2 sliding accounts, all buckets", |n| {
        call_on(&sliding, sliding_request(u128::from(n), "user:a", 1 << 40));
    });
    decisions("a spend on 2 calendar accounts", |n| {
        let spends = request(0, &user(n), 1 << 40).charges.into_iter();
        let spends: Vec<Spend> = spends
            .map(|charge| Spend {
                account: charge.account,
                amount: 1,
                forced: false,
            })
            .collect();
        let outcome = store.spend_now(&spends).expect("there is room");
        assert!(black_box(outcome).admitted);
    });
    let full = request(0, "user:full", 0);
    measure("denied hold, 2 accounts", CALLS, |_| {
        assert!(matches!(store.hold_now(&full), Ok(HoldOutcome::Denied(_))));
    });
    let flying = granted(&store, &request(u128::MAX, "user:flying", 1 << 40));
    measure("renew", CALLS, |_| {
        store.renew_now(&flying).expect("there is room");
    });
    let mut windows = WindowCache::default();
    let madrid: Arc<str> = Arc::from("Europe/Madrid");
    measure("present window from the cache", CALLS, |_| {
        black_box(windows.window(WindowKind::Day, &madrid, 1_773_144_000_000));
    });
    measure("next window from the calendar (day)", 100_000, |n| {
        let now_ms = 1_773_144_000_000 + 86_400_000 * i64::try_from(n % 1_000).unwrap_or(0);
        black_box(windows.window(WindowKind::Day, &madrid, now_ms));
    });
    measure("next window from the calendar (hour)", 100_000, |n| {
        let now_ms = 1_773_144_000_000 + 3_600_000 * i64::try_from(n % 10_000).unwrap_or(0);
        black_box(windows.window(WindowKind::Hour, &madrid, now_ms));
    });
    two_threads();
    expiry_of_all_holds();
}

fn user(n: u64) -> String {
    format!("user:{}", n % USERS)
}

/// Time in which each operation comes in the next bucket of a minute.
fn bucket_a_call() -> Clock {
    let now_ms = AtomicI64::new(1_773_144_000_000);
    Clock::new(move || now_ms.fetch_add(1_500, Ordering::Relaxed))
}

/// Each operation measured by itself.
fn decisions(name: &str, mut operation: impl FnMut(u64)) {
    let mut nanos: Vec<u128> = (0..CALLS)
        .map(|n| {
            let start = Instant::now();
            operation(n);
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let quantile = |percent: usize| nanos[nanos.len() * percent / 100] as f64 / 1e3;
    let (p50, p99) = (quantile(50), quantile(99));
    println!("{name:<45} p50 {p50:>6.2} µs  p99 {p99:>6.2} µs");
    assert!(p50 <= DECISION_US_MAX, "{name}: {p50} µs at the median");
}

fn two_threads() {
    let store = MemoryStore::new(Clock::system(), Bounds::default());
    measure("hold + settle, 2 threads at one store", 2 * CALLS, {
        let mut done = false;
        let store = &store;
        move |_| {
            if done {
                return;
            }
            done = true;
            thread::scope(|scope| {
                for thread in 0..2_u128 {
                    scope.spawn(move || {
                        for n in 0..CALLS {
                            let id = thread << 64 | u128::from(n);
                            call(store, id, &format!("user:{}", n % USERS), 1 << 40);
                        }
                    });
                }
            });
        }
    });
}

/// The longest single operation there can be: every hold is forgotten, then one call comes.
fn expiry_of_all_holds() {
    let now_ms = Arc::new(AtomicI64::new(1_773_144_000_000));
    let time = Arc::clone(&now_ms);
    let clock = Clock::new(move || time.load(Ordering::Relaxed));
    let store = MemoryStore::new(clock, Bounds::default());
    for n in 0..100_000_u64 {
        granted(
            &store,
            &request(u128::from(n), &format!("user:{}", n % USERS), 1 << 40),
        );
    }
    now_ms.fetch_add(30_000, Ordering::Relaxed);
    let start = Instant::now();
    assert_eq!(store.usage().holds, 0);
    println!(
        "{:<45}{:>9.2} ms",
        "100 000 holds expire in one operation",
        start.elapsed().as_secs_f64() * 1e3
    );
}

/// Linux only: elsewhere it prints nothing.
fn memory_at_all_bounds(
    name: &str,
    request: impl Fn(u128, &str, u64) -> HoldRequest,
) -> MemoryStore {
    let before = resident_kib();
    let bounds = Bounds::default();
    let now_ms = Arc::new(AtomicI64::new(1_773_144_000_000));
    let time = Arc::clone(&now_ms);
    let store = MemoryStore::new(Clock::new(move || time.load(Ordering::Relaxed)), bounds);
    let users = bounds.accounts_max as u64 / 2;
    // In five buckets of the sliding minute.
    for n in 0..5 * users {
        now_ms.store(
            1_773_144_000_000 + (n / users) as i64 * 3_000,
            Ordering::Relaxed,
        );
        let id = u128::from(n);
        call_on(&store, request(id, &format!("user:{}", n % users), 1 << 40));
    }
    for n in 0..bounds.holds_max as u64 {
        let id = u128::from(n + 1) << 64;
        granted(&store, &request(id, &format!("user:{n}"), 1 << 40));
    }
    let usage = store.usage();
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        let mib = after.saturating_sub(before) / 1_024;
        println!("{name:<45}{mib:>9} MiB more, {usage:?}");
    }
    store
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn measure(name: &str, times: u64, mut operation: impl FnMut(u64)) {
    let start = Instant::now();
    for n in 0..times {
        operation(n);
    }
    let each = start.elapsed().as_secs_f64() * 1e9 / times as f64;
    println!("{name:<45}{each:>9.0} ns");
}

fn call(store: &MemoryStore, id: u128, user: &str, limit: u64) {
    call_on(store, request(id, user, limit));
}

/// Holds and settles.
fn call_on(store: &MemoryStore, request: HoldRequest) {
    let receipt = granted(store, &request);
    let charges = vec![70; receipt.entries.len()];
    let states = store.settle_now(&Settlement { receipt, charges });
    black_box(states.expect("there is room"));
}

fn granted(store: &MemoryStore, request: &HoldRequest) -> HoldReceipt {
    match store.hold_now(request) {
        Ok(HoldOutcome::Granted(receipt)) => receipt,
        other => panic!("granted expected: {other:?}"),
    }
}

/// A limit per day and one per minute, both of one budget.
fn request(id: u128, user: &str, limit: u64) -> HoldRequest {
    request_per([WindowKind::Day, WindowKind::Minute], id, user, limit)
}

/// The same, of sliding windows.
fn sliding_request(id: u128, user: &str, limit: u64) -> HoldRequest {
    let windows = [86_400_000, 60_000].map(WindowKind::Sliding);
    request_per(windows, id, user, limit)
}

fn request_per(windows: [WindowKind; 2], id: u128, user: &str, limit: u64) -> HoldRequest {
    let subject: Arc<str> = Arc::from(user);
    let budget: Arc<str> = Arc::from("default/daily");
    let time_zone: Arc<str> = Arc::from("UTC");
    let charges = windows.map(|window| Charge {
        account: Account {
            budget: Arc::clone(&budget),
            subject: Arc::clone(&subject),
            window,
            time_zone: Arc::clone(&time_zone),
            limit,
        },
        fixed: 50,
        per_output: 1,
        enforce: true,
        on_failure: OnStoreFailure::Closed,
    });
    HoldRequest {
        id: HoldId(id),
        charges: charges.to_vec(),
        output_want: 100,
        output_min: 16,
    }
}
