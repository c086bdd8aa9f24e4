//! The table of the ledger.

use std::time::Duration;

use super::holds::{LIMITS, Rate};

/// One turn of each.
pub(super) struct Round {
    pub(super) floor: Rate,
    /// As [`LIMITS`].
    pub(super) held: Vec<Rate>,
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(super) fn print(rounds: &[Round], alone: &[Duration], memory: f64) {
    println!("ledger on Redis, 50 requests in flight:");
    println!();
    println!("| what | calls/s | of the floor | server CPU per call, µs | p50, ms | p99, ms |");
    println!("|---|---|---|---|---|---|");
    println!(
        "| EVALSHA `return 1` by redis-benchmark | {:.0} | 100 % | {:.1} | | |",
        median(rounds.iter().map(|round| round.floor.per_second)),
        median(rounds.iter().map(|round| us(round.floor.server_cpu))),
    );
    for (index, limits) in LIMITS.iter().enumerate() {
        let of = |value: fn(&Rate) -> f64| {
            median(
                rounds
                    .iter()
                    .map(|round| round.held.get(index).map_or(f64::NAN, value)),
            )
        };
        let ratio = median(rounds.iter().map(|round| {
            let held = round
                .held
                .get(index)
                .map_or(f64::NAN, |rate| rate.per_second);
            100.0 * held / round.floor.per_second
        }));
        println!(
            "| admission, {limits} limit(s) | {:.0} | {ratio:.0} % | {:.1} | {:.3} | {:.3} |",
            of(|rate| rate.per_second),
            of(|rate| us(rate.server_cpu)),
            of(|rate| percentile_ms(&rate.latencies, 50)),
            of(|rate| percentile_ms(&rate.latencies, 99)),
        );
    }
    println!();
    println!(
        "one admission at a time (2 limits): p50 {:.3} ms, p99 {:.3} ms",
        percentile_ms(alone, 50),
        percentile_ms(alone, 99),
    );
    println!("memory of a settled subject in a budget: {memory:.0} bytes in Redis");
    println!();
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted
        .get(index)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
