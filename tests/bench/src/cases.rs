//! What is measured, and how often.

use anyhow::{Context, Result};
use tollgate_provider::{Simulator, SimulatorConfig};

use crate::{
    args::Args,
    load::{self, Answer, Case},
    plain_envoy,
    report::{self, Row},
    subject::{self, Subject},
};

/// Measures all cases that are asked for, and prints the table.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let upstream = Simulator::start(SimulatorConfig::default())
        .await
        .context("start the upstream")?;
    let plain = plain_envoy::start(upstream.addr()).await?;
    let begun = std::time::Instant::now();
    let tollgate = subject::tollgate(&args.tollgate, upstream.addr()).await?;
    let first_answer = tollgate.first_answer(begun).await?;

    let mut rows = Vec::new();
    for case in cases(args.requests) {
        if !case.name.contains(&args.only) {
            continue;
        }
        rows.push(measure(&case, &plain, &tollgate, args).await?);
    }
    report::print(&rows, first_answer, &plain, &tollgate);
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
    ]
}

async fn measure(case: &Case, plain: &Subject, tollgate: &Subject, args: &Args) -> Result<Row> {
    // Warm connections, caches and allocators of both.
    for subject in [plain, tollgate] {
        load::run(case, subject, case.requests / 10 + 1, args.connections).await?;
    }
    let mut row = Row::new(case.name);
    for _ in 0..args.rounds {
        let base = load::run(case, plain, case.requests, args.connections).await?;
        let ours = load::run(case, tollgate, case.requests, args.connections).await?;
        row.add(base, ours);
    }
    let unloaded = 300.min(case.requests);
    for _ in 0..args.rounds {
        let base = load::run(case, plain, unloaded, 1).await?;
        let ours = load::run(case, tollgate, unloaded, 1).await?;
        row.add_unloaded(base, ours);
    }
    report::progress(&row);
    Ok(row)
}
