//! The table, and which goals were met.

use std::time::Duration;

use crate::create::Created;
use crate::measure::Row;

/// What is to be reached.
struct Goal {
    routes: usize,
    change_ms: f64,
}

const CHANGES: [Goal; 2] = [
    Goal {
        routes: 1000,
        change_ms: 200.0,
    },
    Goal {
        routes: 5000,
        change_ms: 500.0,
    },
];
const LAST_MS: f64 = 150.0;
const MEMORY_MIB: f64 = 100.0;
const MEMORY_ROUTES: usize = 1000;
const PROGRAMMED_MS: f64 = 3000.0;
/// Bytes for one change among the most routes, against those among the fewest.
const BYTES_RATIO: f64 = 1.2;

/// A line while the bench goes on.
#[expect(clippy::print_stderr, reason = "progress of a command")]
pub(crate) fn progress(row: &Row) {
    eprintln!("{}", line(row));
}

/// Everything.
#[expect(clippy::print_stdout, reason = "output of a command")]
pub(crate) fn print(rows: &[Row], programmed: &[Duration], taken: Duration) {
    println!(
        "| routes | of which shape | kubectl create: writes/s | last one served after it was \
         accepted, ms | one of many served, p50, ms | max, ms | eight at a time: writes/s | last \
         one served, ms | one of many, p50, ms | max, ms | one change live, p50, ms | p95, ms | of \
         it the controller's round, ms | leader, MiB | most, MiB | CPU of all writes, s | CPU of \
         one change, ms | bytes of one change |"
    );
    println!("|{}", "---|".repeat(18));
    for row in rows {
        println!("{}", line(row));
    }
    let times: Vec<String> = programmed
        .iter()
        .map(|it| format!("{:.0}", ms(*it)))
        .collect();
    println!("\nGateway created → Programmed, ms: {}", times.join(", "));
    for (goal, met) in goals(rows, programmed) {
        println!("{}: {goal}", if met { "met" } else { "NOT MET" });
    }
    println!("taken: {:.0} s", taken.as_secs_f64());
}

fn line(row: &Row) -> String {
    let Row {
        shape,
        routes,
        created,
        kubectl,
        changes,
        round,
        memory,
        cpu_creating,
        cpu_change,
        change_bytes,
    } = row;
    format!(
        "| {routes} | {} | {} | {} | {:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} | {:.0} | \
         {change_bytes:.0} |",
        shape.title(),
        writes(kubectl, *routes),
        writes(created, *routes),
        ms(percentile(changes, 50)),
        ms(percentile(changes, 95)),
        ms(*round),
        memory.resident,
        memory.peak,
        cpu_creating.as_secs_f64(),
        ms(*cpu_change),
    )
}

/// The columns of one way to write.
fn writes(created: &Created, routes: usize) -> String {
    let Created {
        writing,
        last,
        lags,
    } = created;
    let count = u32::try_from(routes).unwrap_or(u32::MAX);
    let per_second = f64::from(count) / writing.as_secs_f64();
    format!(
        "{per_second:.0} | {:.0} | {:.0} | {:.0}",
        ms(*last),
        ms(percentile(lags, 50)),
        ms(percentile(lags, 100)),
    )
}

/// Each goal that the runs can tell of, and whether it was met.
fn goals(rows: &[Row], programmed: &[Duration]) -> Vec<(String, bool)> {
    let mut goals = Vec::new();
    for row in rows {
        let what = format!("{} routes, {}", row.routes, row.shape.title());
        for goal in CHANGES.iter().filter(|goal| goal.routes == row.routes) {
            let met = ms(percentile(&row.changes, 50)) < goal.change_ms;
            goals.push((
                format!("{what}: one change live < {} ms", goal.change_ms),
                met,
            ));
        }
        let met = ms(row.kubectl.last) < LAST_MS;
        goals.push((
            format!("{what}: last one of kubectl create served < {LAST_MS} ms"),
            met,
        ));
        if row.routes == MEMORY_ROUTES {
            let met = row.memory.resident <= MEMORY_MIB;
            goals.push((format!("{what}: leader ≤ {MEMORY_MIB} MiB"), met));
        }
        let same = rows.iter().filter(|it| it.shape == row.shape);
        let fewest = same.min_by_key(|it| it.routes);
        if let Some(fewest) = fewest.filter(|it| it.routes < row.routes) {
            let met = row.change_bytes <= fewest.change_bytes * BYTES_RATIO;
            let than = fewest.routes;
            goals.push((
                format!("{what}: bytes of one change as of {than} routes"),
                met,
            ));
        }
    }
    if let Some(slowest) = programmed.last() {
        let met = ms(*slowest) < PROGRAMMED_MS;
        goals.push((format!("Gateway programmed < {PROGRAMMED_MS} ms"), met));
    }
    goals
}

/// Of sorted values; zero of none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
