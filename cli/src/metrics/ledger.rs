//! Instruments of the ledger: read when somebody looks, from what it counted.

use std::sync::Arc;

use opentelemetry::{KeyValue, metrics::Meter};
use tollgate_budget::window;
use tollgate_ledger::{BreakerState, BudgetFigures, Ledger, LedgerStats};

/// Figures with one label, and the values it has.
type Counts = fn(&LedgerStats) -> Vec<(&'static str, u64)>;
/// One figure.
type Figure<T> = fn(&T) -> u64;

/// Makes the instruments; they live as long as the meter's provider.
pub(crate) fn observe(meter: &Meter, ledger: &Arc<Ledger>) {
    counters(meter, ledger);
    gauges(meter, ledger);
    by_budget(meter, ledger);
}

fn counters(meter: &Meter, ledger: &Arc<Ledger>) {
    let counters: [(&'static str, &'static str, &'static str, Counts); 3] = [
        (
            "tollgate.ledger.decisions",
            "Holds, by who decided and how.",
            "decision",
            |stats| {
                vec![
                    ("granted", stats.granted),
                    ("denied", stats.denied_by_store),
                    ("denied_from_cache", stats.denied_from_cache),
                    ("granted_open", stats.granted_open),
                    ("granted_leased", stats.granted_leased),
                    ("denied_by_lease", stats.denied_by_lease),
                    ("refused_closed", stats.refused_closed),
                ]
            },
        ),
        (
            "tollgate.ledger.store.failures",
            "Failures of the store, by kind.",
            "kind",
            |stats| {
                let failures = stats.failures;
                vec![
                    ("timeout", failures.timeouts),
                    ("unavailable", failures.unavailable),
                    ("full", failures.full),
                    ("refused_by_breaker", failures.refused),
                    ("renewal", failures.renewals),
                    ("spend", failures.spends),
                ]
            },
        ),
        (
            "tollgate.ledger.settlements",
            "Settlements, by what became of them; late ones are among the accepted.",
            "outcome",
            |stats| {
                vec![
                    ("accepted", stats.settled),
                    ("late", stats.settled_late),
                    ("lost", stats.lost),
                ]
            },
        ),
    ];
    for (name, text, label, counts) in counters {
        let ledger = Arc::clone(ledger);
        meter
            .u64_observable_counter(name)
            .with_description(text)
            .with_callback(move |observer| {
                for (value, count) in counts(&ledger.stats()) {
                    observer.observe(count, &[KeyValue::new(label, value)]);
                }
            })
            .build();
    }
    let opened = Arc::clone(ledger);
    meter
        .u64_observable_counter("tollgate.ledger.breaker.opened")
        .with_description("How often the store failed so often that it is asked no more.")
        .with_callback(move |observer| observer.observe(opened.stats().breaker_opened, &[]))
        .build();
}

fn gauges(meter: &Meter, ledger: &Arc<Ledger>) {
    let gauges: [(&'static str, &'static str, Figure<LedgerStats>); 3] = [
        (
            "tollgate.ledger.breaker.open",
            "1 while the store is asked no more but for a probe now and then.",
            |stats| u64::from(stats.breaker != BreakerState::Closed),
        ),
        (
            "tollgate.ledger.queue.settlements",
            "Settlements that wait for the store.",
            |stats| stats.queue.settlements as u64,
        ),
        (
            "tollgate.ledger.queue.bytes",
            "What they take, in bytes.",
            |stats| stats.queue.bytes as u64,
        ),
    ];
    for (name, text, value) in gauges {
        let ledger = Arc::clone(ledger);
        meter
            .u64_observable_gauge(name)
            .with_description(text)
            .with_callback(move |observer| observer.observe(value(&ledger.stats()), &[]))
            .build();
    }
}

fn by_budget(meter: &Meter, ledger: &Arc<Ledger>) {
    let figures: [(&'static str, &'static str, Figure<BudgetFigures>); 3] = [
        (
            "tollgate.budget.charged",
            "Units charged by this gateway, by budget and window.",
            |budget| budget.settled,
        ),
        (
            "tollgate.budget.overrun",
            "Units charged above a limit by this gateway; 0 for a strict budget.",
            |budget| budget.overrun,
        ),
        (
            "tollgate.budget.denied",
            "Times that a limit of this budget denied a hold; a call may ask for several.",
            |budget| budget.denied,
        ),
    ];
    for (name, text, value) in figures {
        let ledger = Arc::clone(ledger);
        meter
            .u64_observable_counter(name)
            .with_description(text)
            .with_callback(move |observer| {
                for budget in &ledger.stats().budgets {
                    let labels = [
                        KeyValue::new("budget", budget.budget.clone()),
                        KeyValue::new("window", window::words(budget.window)),
                    ];
                    observer.observe(value(budget), &labels);
                }
            })
            .build();
    }
}
