//! The table.

use std::{collections::BTreeSet, time::Duration};

use crate::{cpu, load::Cost, subject::Subject};

/// One case, measured several times.
pub(crate) struct Row {
    name: &'static str,
    rounds: Vec<(Cost, Cost)>,
    unloaded: Vec<(Cost, Cost)>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
            unloaded: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, plain: Cost, tollgate: Cost) {
        self.rounds.push((plain, tollgate));
    }

    pub(crate) fn add_unloaded(&mut self, plain: Cost, tollgate: Cost) {
        self.unloaded.push((plain, tollgate));
    }

    /// Median over the rounds of the ratio of CPU time per request.
    fn cpu_ratio(&self) -> f64 {
        median(self.rounds.iter().map(|(plain, ours)| {
            ours.cpu_per_request.as_secs_f64() / plain.cpu_per_request.as_secs_f64()
        }))
    }

    fn of(&self, value: impl Fn(&(Cost, Cost)) -> f64) -> f64 {
        median(self.rounds.iter().map(value))
    }

    fn added_p50_ms(&self) -> f64 {
        median(
            self.unloaded
                .iter()
                .map(|(plain, ours)| ms(ours.p50) - ms(plain.p50)),
        )
    }

    fn added_p99_ms(&self) -> f64 {
        median(
            self.unloaded
                .iter()
                .map(|(plain, ours)| ms(ours.p99) - ms(plain.p99)),
        )
    }
}

/// A line while the bench goes on.
#[expect(clippy::print_stderr, reason = "progress of a command")]
pub(crate) fn progress(row: &Row) {
    eprintln!(
        "{}: CPU per request x{:.2} of plain Envoy",
        row.name,
        row.cpu_ratio()
    );
}

#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(crate) fn print(rows: &[Row], first_answer: Duration, plain: &Subject, tollgate: &Subject) {
    println!(
        "| case | CPU per request, ratio to plain Envoy | plain, µs | tollgate, µs | of which its Envoy, µs | requests/s, plain | requests/s, tollgate | added p50 unloaded, ms | added p99 unloaded, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | ×{:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.3} | {:.3} |",
            row.name,
            row.cpu_ratio(),
            row.of(|(plain, _)| plain.cpu_per_request.as_secs_f64() * 1e6),
            row.of(|(_, ours)| ours.cpu_per_request.as_secs_f64() * 1e6),
            row.of(|(_, ours)| ours.envoy_cpu_per_request.as_secs_f64() * 1e6),
            row.of(|(plain, _)| plain.requests_per_second),
            row.of(|(_, ours)| ours.requests_per_second),
            row.added_p50_ms(),
            row.added_p99_ms(),
        );
    }
    println!();
    println!(
        "from start to first answer: {:.2} s",
        first_answer.as_secs_f64()
    );
    println!(
        "resident memory: plain Envoy {:.0} MiB; tollgate with its Envoy {:.0} MiB",
        cpu::resident_mib(&plain.pids()),
        cpu::resident_mib(&tollgate.pids()),
    );
}

/// CPU time and waits of each thread, for one request.
#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(crate) fn print_threads(rows: &[Row]) {
    println!("\n| case | whose | thread | CPU, µs | waits |\n|---|---|---|---|---|");
    for row in rows {
        for (whose, pick) in [("plain", plain as fn(&_) -> &_), ("tollgate", ours)] {
            let costs = || row.rounds.iter().map(pick);
            let names: BTreeSet<&String> = costs().flat_map(|cost| cost.threads.keys()).collect();
            for name in names {
                let each = |value: fn(&cpu::Thread) -> u64| {
                    median(costs().filter_map(|cost| {
                        let all = value(cost.threads.get(name)?);
                        Some(all as f64 / f64::from(cost.requests))
                    }))
                };
                let (us, waits) = (each(|it| it.ns) / 1e3, each(|it| it.waits));
                if us >= 0.5 {
                    println!("| {} | {whose} | {name} | {us:.0} | {waits:.1} |", row.name);
                }
            }
        }
    }
}

fn plain((plain, _): &(Cost, Cost)) -> &Cost {
    plain
}

fn ours((_, ours): &(Cost, Cost)) -> &Cost {
    ours
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
