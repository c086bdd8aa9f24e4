//! The table.

use std::{collections::BTreeSet, time::Duration};

use crate::{cpu, load::Cost, subject::Subject};

/// One case, measured several times.
pub(crate) struct Row {
    name: &'static str,
    rounds: Vec<(Cost, Cost)>,
    /// Where in `rounds` each start of the gateways begins.
    starts: Vec<usize>,
    unloaded: Vec<(Cost, Cost)>,
}

/// What is told of one start of both gateways.
pub(crate) struct Start {
    first_answer: Duration,
    plain_mib: f64,
    tollgate_mib: f64,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
            starts: Vec::new(),
            unloaded: Vec::new(),
        }
    }

    /// Both gateways were started anew.
    pub(crate) fn start(&mut self) {
        self.starts.push(self.rounds.len());
    }

    pub(crate) fn add(&mut self, plain: Cost, tollgate: Cost) {
        self.rounds.push((plain, tollgate));
    }

    pub(crate) fn add_unloaded(&mut self, plain: Cost, tollgate: Cost) {
        self.unloaded.push((plain, tollgate));
    }

    /// Median over the rounds of the ratio of CPU time per request.
    fn cpu_ratio(&self) -> f64 {
        cpu_ratio(&self.rounds)
    }

    /// The lowest and the highest of the medians of each start.
    fn cpu_ratio_range(&self) -> (f64, f64) {
        let ends = self
            .starts
            .iter()
            .skip(1)
            .copied()
            .chain([self.rounds.len()]);
        let of_each = self.starts.iter().zip(ends);
        of_each
            .filter_map(|(&begin, end)| Some(cpu_ratio(self.rounds.get(begin..end)?)))
            .fold((f64::NAN, f64::NAN), |(low, high), ratio| {
                (low.min(ratio), high.max(ratio))
            })
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

// === impl Start ===

impl Start {
    pub(crate) fn new(first_answer: Duration, plain: &Subject, tollgate: &Subject) -> Self {
        Self {
            first_answer,
            plain_mib: cpu::resident_mib(&plain.pids()),
            tollgate_mib: cpu::resident_mib(&tollgate.pids()),
        }
    }
}

fn cpu_ratio(rounds: &[(Cost, Cost)]) -> f64 {
    median(rounds.iter().map(|(plain, ours)| {
        ours.cpu_per_request.as_secs_f64() / plain.cpu_per_request.as_secs_f64()
    }))
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
pub(crate) fn print(rows: &[Row], starts: &[Start]) {
    println!(
        "| case | CPU per request, ratio to plain Envoy | of single starts | plain, µs | tollgate, µs | of which its Envoy, µs | requests/s, plain | requests/s, tollgate | added p50 unloaded, ms | added p99 unloaded, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let (low, high) = row.cpu_ratio_range();
        println!(
            "| {} | ×{:.2} | {low:.2}–{high:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {} | {} |",
            row.name,
            row.cpu_ratio(),
            row.of(|(plain, _)| plain.cpu_per_request.as_secs_f64() * 1e6),
            row.of(|(_, ours)| ours.cpu_per_request.as_secs_f64() * 1e6),
            row.of(|(_, ours)| ours.envoy_cpu_per_request.as_secs_f64() * 1e6),
            row.of(|(plain, _)| plain.requests_per_second),
            row.of(|(_, ours)| ours.requests_per_second),
            or_dash(row.added_p50_ms()),
            or_dash(row.added_p99_ms()),
        );
    }
    println!();
    let of = |value: fn(&Start) -> f64| median(starts.iter().map(value));
    println!(
        "from start to first answer: {:.2} s",
        of(|start| start.first_answer.as_secs_f64())
    );
    println!(
        "resident memory: plain Envoy {:.0} MiB; tollgate with its Envoy {:.0} MiB",
        of(|start| start.plain_mib),
        of(|start| start.tollgate_mib),
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

fn or_dash(value: f64) -> String {
    if value.is_nan() {
        "–".to_string()
    } else {
        format!("{value:.3}")
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
