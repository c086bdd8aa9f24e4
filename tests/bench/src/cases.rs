//! What is measured, and how often.

use std::time::Instant;

use anyhow::{Context, Result};
use tollgate_provider::{Simulator, SimulatorConfig};

use crate::{
    args::Args,
    load::{self, Answer, Case},
    plain_envoy,
    report::{self, Row, Start},
    subject::{self, Subject},
};

/// Measures all cases that are asked for, and prints the table.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let upstream = Simulator::start(SimulatorConfig::default())
        .await
        .context("start the upstream")?;
    let mut rows: Vec<(Case, Row)> = cases(args.requests)
        .into_iter()
        .filter(|case| case.name.contains(&args.only))
        .map(|case| {
            let row = Row::new(case.name);
            (case, row)
        })
        .collect();
    let mut starts = Vec::new();
    for _ in 0..args.starts {
        let plain = plain_envoy::start(upstream.addr()).await?;
        let begun = Instant::now();
        let tollgate = subject::tollgate(&args.tollgate, upstream.addr()).await?;
        let first_answer = tollgate.first_answer(begun).await?;
        for (case, row) in &mut rows {
            measure(case, row, &plain, &tollgate, args).await?;
        }
        starts.push(Start::new(first_answer, &plain, &tollgate));
    }
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    report::print(&rows, &starts);
    if args.threads {
        report::print_threads(&rows);
    }
    Ok(())
}

fn cases(requests: usize) -> Vec<Case> {
    vec![
        Case::new("1 KB", 1 << 10, Answer::Whole, requests),
        Case::new("32 KB", 32 << 10, Answer::Whole, requests / 2),
        Case::new("200 KB", 200 << 10, Answer::Whole, requests / 8),
        Case::new("stream of 52 chunks", 1 << 10, Answer::Stream, requests / 4),
        Case::new(
            "the same, one each ms",
            1 << 10,
            Answer::PacedStream,
            requests / 20,
        ),
    ]
}

/// The rounds of one case after one start.
async fn measure(
    case: &Case,
    row: &mut Row,
    plain: &Subject,
    tollgate: &Subject,
    args: &Args,
) -> Result<()> {
    // Warm connections, caches and allocators of both.
    for subject in [plain, tollgate] {
        load::run(case, subject, case.requests / 10 + 1, args.connections).await?;
    }
    row.start();
    for _ in 0..args.rounds {
        let base = load::run(case, plain, case.requests, args.connections).await?;
        let ours = load::run(case, tollgate, case.requests, args.connections).await?;
        row.add(base, ours);
    }
    if case.answer == Answer::PacedStream {
        // It takes as long as the pace and the timers of the upstream say.
        report::progress(row);
        return Ok(());
    }
    let unloaded = 300.min(case.requests);
    for _ in 0..args.rounds {
        let base = load::run(case, plain, unloaded, 1).await?;
        let ours = load::run(case, tollgate, unloaded, 1).await?;
        row.add_unloaded(base, ours);
    }
    report::progress(row);
    Ok(())
}
